/** Applies entries to disk: each gets its place inside one directory, and is created there with its metadata. */
import { realpathSync, symlinkSync } from "node:fs"
import { codeOf } from "../../api/codeOf.ts"
import { FileSystemFailed } from "../../api/errors.ts"
import { toDisk } from "../Directory.ts"
import type { Applier } from "../Entry.ts"
import { implied } from "../metadata/ownership.ts"
import { type ApplierOptions, makeParts } from "./applierParts.ts"
import type { FileBody } from "./FileBody.ts"
import { makePlaceEntry } from "./rules/placeEntry.ts"

export type { ApplierOptions } from "./applierParts.ts"

/** The root's real path: a link above it, or in its place, is the caller's own and is followed once, here. */
const resolveRoot = (directory: string): string => {
  try {
    return realpathSync(directory)
  } catch (error) {
    throw new FileSystemFailed({ operation: "realpath", path: directory, code: codeOf(error) || "EIO" })
  }
}

/** An applier of one layer. */
export const makeApplier = (options: ApplierOptions): Applier => {
  const directory = resolveRoot(options.directory)
  const parts = makeParts(options, directory)
  const { root, entry, layout, tree, statFile, metadata, directories, files, links } = parts
  /** The file that takes the current entry's body; absent if the body is not wanted. */
  let file: FileBody | undefined
  let isStarted = false

  /** The layer's root is a directory of user 0 unless the archive or a lower layer says otherwise. */
  const start = (): void => {
    if (isStarted) return
    isStarted = true
    if (layout.isMerged && (options.hasLower ?? tree.namesIn(root).length > 0)) directories.keepTime(root)
    else {
      metadata.directory(root.path, implied, false)
      root.mtime = implied.mtime
    }
  }

  const place = makePlaceEntry({
    ...parts,
    places: {
      start,
      root: (header) => {
        metadata.directory(root.path, header, false)
        root.mtime = header.mtime
      },
      directory: (parent, name, header) => {
        const child = directories.make(parent, name, header)
        child.mtime = header.mtime
        return child
      },
      file: (parent, name, header) => {
        file = files.open(parent, name, header)
      },
      symlink: (parent, name, header, target) => {
        tree.occupy(parent, name, (disk) => symlinkSync(toDisk(target), disk))
        metadata.symlink(parent.at(name), header)
      },
      node: files.node
    }
  })

  const seal = (): void => {
    if (file === undefined) return
    const sealed = file
    files.seal(sealed)
    file = undefined
    sealed.close()
  }

  /** Turns every failure into a reason. */
  const guarded = <A>(step: () => A): A => {
    try {
      return step()
    } catch (error) {
      throw entry.failure(error, directory)
    }
  }

  return {
    entry: (header, bytes) =>
      guarded(() => {
        place(header)
        if (bytes !== undefined && bytes.byteLength > 0) file?.write(bytes)
        seal()
      }),
    begin: (header) => guarded(() => place(header)),
    write: (chunk) => guarded(() => file?.write(chunk)),
    clone: (source) => guarded(() => file && files.clone(file, source)),
    end: () => guarded(seal),
    finish: () =>
      guarded(() => {
        start()
        links.finish()
        directories.finishTimes(root)
        statFile.flush()
      }),
    close: () => {
      try {
        file?.close()
      } catch {
        // The descriptor is closed in any case.
      }
      file = undefined
      statFile.close()
    }
  }
}
