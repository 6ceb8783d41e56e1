/** Applies entries to disk: each gets its place inside one directory, and is created there with its metadata. */
import { realpathSync, symlinkSync } from "node:fs"
import { codeOf } from "../../api/codeOf.ts"
import { FileSystemFailed } from "../../api/errors.ts"
import { toDisk } from "../Directory.ts"
import type { Applier, EntryHeader } from "../Entry.ts"
import { implied } from "../metadata/ownership.ts"
import { type ApplierOptions, makeParts } from "./applierParts.ts"
import type { FileBody } from "./FileBody.ts"
import { checkTarget, cleanName } from "./rules/cleanName.ts"
import { whiteoutOf } from "./rules/whiteouts.ts"

export type { ApplierOptions } from "./applierParts.ts"

const maximumId = 2 ** 32 - 2
const isId = (id: number) => Number.isInteger(id) && id >= 0 && id <= maximumId

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
  const { root, entry, layout, tree, statFile, metadata, directories, files, within, applyWhiteout, links } = parts
  const { refusal, refuse } = entry
  /** The file that takes the current entry's body; absent if the body is not wanted. */
  let file: FileBody | undefined
  let isStarted = false

  /** The layer's root is a directory of user 0 unless the archive or a lower layer says otherwise. */
  const start = (): void => {
    if (isStarted) return
    isStarted = true
    if (layout.isMerged && tree.namesIn(root).length > 0) directories.keepTime(root)
    else metadata.directory(root.path, implied, false)
  }

  const check = (header: EntryHeader): void => {
    if (!isId(header.uid) || !isId(header.gid)) throw refuse(`owner ${header.uid}:${header.gid} is out of range`)
    if (header.size > refusal.limits.fileBytes) throw entry.exceeds("fileBytes", "bytes", "file")
  }

  /** Creates the entry; a file is only opened, for its body. */
  const place = (header: EntryHeader): void => {
    entry.begin(header.path)
    within.begin()
    start()
    check(header)
    const names = cleanName(header.path, refusal)
    const name = names[names.length - 1]
    if (name === undefined) {
      if (header.type !== "directory") throw refuse("only a directory can be the root")
      metadata.directory(root.path, header, false)
      root.mtime = header.mtime
      return
    }
    if (applyWhiteout(names, name)) return
    const parent = within.parent(names)
    switch (header.type) {
      case "file":
        file = files.open(parent, name, header)
        return
      case "directory": {
        const child = directories.make(parent, name, header)
        child.mtime = header.mtime
        within.descend(names, child)
        return
      }
      case "symlink": {
        const target = toDisk(checkTarget(header.linkPath, header.path, refusal))
        tree.occupy(parent, name, (disk) => symlinkSync(target, disk))
        within.forget()
        metadata.symlink(parent.at(name), header)
        return
      }
      case "link":
        // AUFS made its whiteouts hard links to a file that archives leave out.
        if (whiteoutOf(name) !== undefined) file = files.open(parent, name, { ...header, type: "file", size: 0 })
        else links.link(parent, name, header)
        return
      case "character-device":
      case "block-device":
      case "fifo":
        files.node(parent, name, header)
        return
      default:
        throw refuse(`its kind ${JSON.stringify(header.type)} is not supported`)
    }
  }

  const seal = (): void => {
    if (file === undefined) return
    const sealed = file
    files.seal(sealed)
    file = undefined
    sealed.close()
  }

  /** Turns every failure into a reason. */
  const guarded = (step: () => void): void => {
    try {
      step()
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
