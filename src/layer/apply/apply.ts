/** Entries to disk: every entry of a layer finds its place inside one directory and is made there, with its metadata. */

import { constants, lstatSync, mkdirSync, openSync, realpathSync, symlinkSync } from "node:fs"
import { codeOf } from "../../api/codeOf.ts"
import type { LayoutName, Limits, OverlayAttributes, Ownership, StatFormat } from "../../api/config.ts"
import { FileSystemFailed, isReason, LimitExceeded, printable } from "../../api/errors.ts"
import type { Warning } from "../../api/events.ts"
import { namesIn, removeTree } from "../../fs/removeTree.ts"
import { Directory, toDisk } from "../Directory.ts"
import type { Applier, EntryHeader } from "../Entry.ts"
import { type Layout, markWritten } from "../layout/Layout.ts"
import { makeOverlay } from "../layout/overlay.ts"
import { makeRootfs } from "../layout/rootfs.ts"
import { atMost } from "../limits.ts"
import { makeAttributes } from "../metadata/attributes.ts"
import { makeMetadata } from "../metadata/metadata.ts"
import { hostMode, implied } from "../metadata/ownership.ts"
import { makeStatFile } from "../metadata/StatFile.ts"
import { setLinkTimes } from "../metadata/times.ts"
import { checkTarget, cleanName, decode, unsafe } from "./cleanName.ts"
import { FileBody, isSparseMap } from "./FileBody.ts"
import { makeLinks } from "./links.ts"
import { isDeviceInRange, makeRealNode } from "./nodes.ts"
import { makePathResolver } from "./PathResolver.ts"
import { whiteoutOf } from "./whiteout.ts"

export interface ApplierOptions {
  /** The layer's root: it exists, and is empty except for lower layers of the layout `rootfs`. */
  readonly directory: string
  /** Digest of the layer's blob, for errors. */
  readonly digest: string
  readonly limits: Limits
  readonly warn: (warning: Warning) => void
  /** Called for each entry, and for each step of what takes many: throws where the layer is not wanted any more. */
  readonly look?: (() => void) | undefined
  /** Default `xattr`. */
  readonly ownership?: Ownership | undefined
  /** Default `seed`. */
  readonly statFormat?: StatFormat | undefined
  /** Default `layers`. */
  readonly layout?: LayoutName | undefined
  /** Of the layout `overlay`. Default: `trusted` for root, else `user`. */
  readonly overlayAttributes?: OverlayAttributes | undefined
}

/** Exclusive: a name that exists is never opened, so no link is ever followed. */
const exclusive = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | (constants.O_NOFOLLOW ?? 0)

const maximumId = 2 ** 32 - 2
const isId = (id: number) => Number.isInteger(id) && id >= 0 && id <= maximumId

/** The root by its physical name: a link above it, or in its place, is the caller's own and is followed once, here. */
const resolveRoot = (directory: string): string => {
  try {
    return realpathSync(directory)
  } catch (error) {
    throw new FileSystemFailed({ operation: "realpath", path: directory, code: codeOf(error) || "EIO" })
  }
}

/** An applier of one layer. */
export const makeApplier = (options: ApplierOptions): Applier => {
  const { digest, limits, warn, look = () => {}, ownership = "xattr", statFormat = "seed", layout = "layers" } = options
  const refusal = { digest, limits }
  const directory = resolveRoot(options.directory)
  const root = Directory.root(Buffer.from(directory).toString("latin1"))
  const prefix = root.path.length + 1
  const layered = layout !== "layers"
  const statFile = makeStatFile(directory, layout === "rootfs")
  const refuse = (problem: string) => unsafe(refusal, current, problem)
  const attributes = makeAttributes({ directory, digest, ownership, statFormat, warn, refuse })
  const metadata = makeMetadata({ ownership, attributes, statFile, prefix })
  let current = ""
  let body: FileBody | "ignored" | undefined
  let started = false
  /** Entries, and directories that they only imply. */
  let made = 0

  const count = () => atMost(limits, "entries", ++made, () => `layer ${digest}`)

  // ------------------------------------------------------------------------------------------------- names and places

  const vacate = (place: Directory, name: string): void => {
    within.forget()
    place.children?.delete(name)
    place.links?.delete(name)
    place.written?.delete(name)
    place.whiteouts?.delete(name)
    if (removeTree(place.at(name), look)) statFile.removed(place.at(name).slice(prefix))
  }

  /** Makes something where nothing stands: what stood there is removed first, since the last entry of a name wins. */
  const occupy = <A>(place: Directory, name: string, make: (disk: string | Buffer) => A): A => {
    const disk = toDisk(place.at(name))
    place.links?.delete(name)
    let made: A
    try {
      made = make(disk)
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error
      vacate(place, name)
      made = make(disk)
    }
    if (layered) markWritten(place, name)
    return made
  }

  const makeDirectory = (place: Directory, name: string, header: EntryHeader): Directory => {
    // Links make short names lead deep: the name's own components, which are bounded already, do not tell.
    if (place.depth >= limits.depth) {
      const subject = `layer ${digest}, entry ${JSON.stringify(printable(decode(current), 120))}`
      throw new LimitExceeded({ limit: "depth", maximum: limits.depth, unit: "components", subject })
    }
    const path = place.at(name)
    const disk = toDisk(path)
    const hidden = place.whiteouts?.has(name) === true
    place.links?.delete(name)
    const host = hostMode(header, ownership)
    let created = true
    try {
      mkdirSync(disk, host)
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error
      created = lstatSync(disk).isDirectory() === false
      if (created) {
        vacate(place, name)
        mkdirSync(disk, host)
      }
    }
    if (layered) markWritten(place, name)
    metadata.directory(path, header, created)
    const child = place.child(name)
    if (hidden) meeting?.unhidden(child)
    return child
  }

  const meeting: Layout | undefined =
    layout === "rootfs"
      ? makeRootfs(vacate)
      : layout === "overlay"
        ? makeOverlay({
            root: root.path,
            attributes: options.overlayAttributes ?? (process.geteuid?.() === 0 ? "trusted" : "user"),
            vacate,
            opaqueRoot: () => {
              const message = "the layer hides all layers beneath it, which overlayfs cannot do: mount it without them"
              warn({ _tag: "Warning", code: "OpaqueRoot", message, digest })
            }
          })
        : undefined

  const within = makePathResolver({
    root,
    refuse,
    make: (place, name) => {
      look()
      count()
      makeDirectory(place, name, implied)
    },
    clear: (place, name) => {
      if (meeting?.yields(place, name) !== true) throw refuse(`${decode(name)}, its parent, is not a directory`)
      // A whiteout node stays for `makeDirectory`, which must know of it.
      if (place.whiteouts?.has(name) !== true) vacate(place, name)
    },
    ...(layout === "rootfs" ? { found: (place) => keepTime(place) } : {})
  })

  /** A directory of lower layers keeps its time, whatever this layer writes into it. */
  const keepTime = (place: Directory): void => {
    const nanos = lstatSync(toDisk(place.path), { bigint: true }).mtimeNs
    const part = ((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
    place.mtime = { seconds: Number((nanos - part) / 1_000_000_000n), nanos: Number(part) }
  }

  const links = makeLinks({
    refusal,
    within,
    vacate,
    look,
    linked: (place, name, target) => {
      if (layered) markWritten(place, name)
      if (!attributes.isSupported()) statFile.link(place.at(name).slice(prefix), target.slice(prefix))
    }
  })

  // ------------------------------------------------------------------------------------------------------------ kinds

  /** The root is a directory of root's unless the archive or a lower layer says otherwise. */
  const start = (): void => {
    if (started) return
    started = true
    if (layout === "rootfs" && namesIn(root.path).length > 0) keepTime(root)
    else metadata.directory(root.path, implied, false)
  }

  const check = (header: EntryHeader): void => {
    if (!isId(header.uid) || !isId(header.gid)) throw refuse(`owner ${header.uid}:${header.gid} is out of range`)
    if (header.size > limits.fileBytes) {
      const subject = `layer ${digest}, file ${JSON.stringify(printable(decode(header.path), 120))}`
      throw new LimitExceeded({ limit: "fileBytes", maximum: limits.fileBytes, unit: "bytes", subject })
    }
  }

  const openFile = (place: Directory, name: string, header: EntryHeader): FileBody => {
    if (!isSparseMap(header)) throw refuse("its sparse map makes no sense")
    const fd = occupy(place, name, (disk) => openSync(disk, exclusive, hostMode(header, ownership)))
    return new FileBody(fd, place.at(name), header, refuse)
  }

  const seal = (file: FileBody): void => {
    file.complete()
    metadata.file(file.fd, file.path, file.header)
    body = undefined
    file.close()
  }

  const makeNode = (place: Directory, name: string, header: EntryHeader): void => {
    if (header.type !== "fifo" && !isDeviceInRange(header)) {
      throw refuse(`device ${header.devMajor}:${header.devMinor} is out of range`)
    }
    if (ownership === "chown") {
      occupy(place, name, () => makeRealNode(root.path, place.at(name), header))
      attributes.setLink(toDisk(place.at(name)), header)
      setLinkTimes(toDisk(place.at(name)), header.mtime)
    } else {
      body = openFile(place, name, { ...header, size: 0 })
      seal(body)
    }
  }

  /** True where the entry was a whiteout and is dealt with. */
  const applyWhiteout = (names: ReadonlyArray<string>, name: string): boolean => {
    const whiteout = whiteoutOf(name)
    if (whiteout === undefined) return false
    if (whiteout.kind === "invalid") throw refuse("a whiteout that names nothing of its directory")
    // Beneath what is no directory it hides nothing: umoci writes one for each file of a directory that its layer replaces
    // by a file.
    const found = within.look(names)
    if (meeting === undefined) return found === "blocked"
    if (whiteout.kind === "aufs" || found === "blocked") return true
    // In one merged tree a directory that is not there has nothing to hide; an overlay needs one to say so.
    if (found === "missing" && layout === "rootfs") return true
    const place = found === "missing" ? within.parent(names) : found
    if (layout === "overlay" && place.parent !== undefined) markWritten(place.parent, place.name)
    if (whiteout.kind === "opaque") meeting.hideAll(place)
    else meeting.hide(place, whiteout.name)
    return true
  }

  /** Makes everything that has no body; a file is opened and given back. */
  const place = (header: EntryHeader): FileBody | "ignored" | undefined => {
    current = header.path
    look()
    count()
    within.begin()
    start()
    check(header)
    const names = cleanName(header.path, refusal)
    const name = names[names.length - 1]
    if (name === undefined) {
      if (header.type !== "directory") throw refuse("only a directory can be the root")
      metadata.directory(root.path, header, false)
      root.mtime = header.mtime
      return "ignored"
    }
    if (applyWhiteout(names, name)) return "ignored"
    const parent = within.parent(names)
    switch (header.type) {
      case "file":
        return openFile(parent, name, header)
      case "directory": {
        const child = makeDirectory(parent, name, header)
        child.mtime = header.mtime
        within.descend(names, child)
        return "ignored"
      }
      case "symlink": {
        const target = toDisk(checkTarget(header.linkPath, header.path, refusal))
        occupy(parent, name, (disk) => symlinkSync(target, disk))
        within.forget()
        metadata.symlink(parent.at(name), header)
        return "ignored"
      }
      case "link":
        // AUFS made its whiteouts hard links to a file that archives leave out.
        if (whiteoutOf(name) !== undefined) return openFile(parent, name, { ...header, type: "file", size: 0 })
        links.link(parent, name, header)
        return "ignored"
      case "character-device":
      case "block-device":
      case "fifo":
        makeNode(parent, name, header)
        return "ignored"
      default:
        throw refuse(`its kind ${JSON.stringify(header.type)} is not supported`)
    }
  }

  /** Times of directories, deepest first, since what is written into a directory changes its time. */
  const finishTimes = (place: Directory): void => {
    if (place.mtime === undefined && place.children === undefined) return
    look()
    // Where case does not count, a link may have taken a name that is remembered in another spelling.
    if (lstatSync(toDisk(place.path), { throwIfNoEntry: false })?.isDirectory() !== true) return
    for (const child of place.children?.values() ?? []) finishTimes(child)
    if (place.mtime !== undefined) setLinkTimes(toDisk(place.path), place.mtime)
  }

  /** Every failure leaves as a reason. */
  const guarded = (step: () => void): void => {
    try {
      step()
    } catch (error) {
      if (isReason(error)) throw error
      const code = codeOf(error)
      if (code === "") throw error
      // Of link and symlink, `dest` is what was to be made.
      const known = error as { syscall?: unknown; path?: unknown; dest?: unknown }
      const operation = typeof known.syscall === "string" ? known.syscall : "write"
      const named = known.dest ?? known.path
      const path = typeof named === "string" ? named : `${directory}/${decode(current)}`
      throw new FileSystemFailed({ operation, path, code })
    }
  }

  return {
    entry: (header, bytes) =>
      guarded(() => {
        body = place(header)
        if (body === undefined) return
        if (body === "ignored") {
          body = undefined
          return
        }
        if (bytes !== undefined && bytes.byteLength > 0) body.write(bytes)
        seal(body)
      }),
    begin: (header) =>
      guarded(() => {
        body = place(header)
      }),
    write: (chunk) =>
      guarded(() => {
        if (body !== undefined && body !== "ignored") body.write(chunk)
      }),
    end: () =>
      guarded(() => {
        if (body !== undefined && body !== "ignored") seal(body)
        body = undefined
      }),
    finish: () =>
      guarded(() => {
        start()
        links.finish()
        finishTimes(root)
        statFile.flush()
      }),
    close: () => {
      try {
        if (body !== undefined && body !== "ignored") body.close()
      } catch {
        // The descriptor is gone either way.
      }
      body = undefined
      statFile.close()
    }
  }
}
