/** Extended attributes: the stat's own, and those of the archive. */
import { statfsSync } from "node:fs"
import type { Ownership, StatFormat } from "../../api/config.ts"
import { printable } from "../../api/errors.ts"
import type { Warning, WarningCode } from "../../api/events.ts"
import { native } from "../../fs/native.ts"
import { decode } from "../Directory.ts"
import type { EntryHeader } from "../Entry.ts"
import { makeOverrideStat, overrideStatName } from "./overrideStat.ts"
import { isHostOnly, isReserved } from "./reservedAttributes.ts"

/** The attributes that root may set. Others, such as `system.nfs4_acl`, are the file system's own. */
const settable = /^(?:security|trusted|system\.posix_acl_\w+)/

/** Whether an attribute that stands on an extracted file came from an archive. */
export const isOfArchive = (name: string, ownership: Ownership): boolean =>
  !isReserved(name) &&
  !isHostOnly(name) &&
  (process.platform !== "linux" || name.startsWith("user.") || (ownership === "chown" && settable.test(name)))

export interface AttributesOptions {
  readonly directory: string
  readonly digest: string
  readonly ownership: Ownership
  readonly statFormat: StatFormat
  readonly warn: (warning: Warning) => void
  /** Makes the error for an attribute of the archive that no system takes. */
  readonly refuse: (problem: string) => Error
}

type Pairs = ReadonlyArray<readonly [string, Uint8Array]>

export interface Attributes {
  /** False once the file system, or the machine, has refused: from then on the stat file has it all. */
  readonly isSupported: () => boolean
  /** Sets an open file's stat and archive attributes; gives what could not be set: the stat too, where it holds a header. */
  readonly set: (fd: number, path: string | Buffer, header: EntryHeader) => { stat: boolean; rest: Pairs }
  /** Removes what an earlier entry, or a lower layer, set on a directory and this header does not. */
  readonly clear: (fd: number, header: EntryHeader) => void
  /** The archive's attributes of a symbolic link or a device node. */
  readonly setLink: (path: string | Buffer, header: EntryHeader) => void
}

const none: Pairs = []

export const makeAttributes = (options: AttributesOptions): Attributes => {
  const { digest, ownership } = options
  const bytesOf = makeOverrideStat(options.statFormat)
  const warned = new Set<WarningCode>()
  const warn = (code: WarningCode, message: string) => {
    if (warned.has(code)) return
    warned.add(code)
    options.warn({ _tag: "Warning", code, message, digest })
  }

  let supported = native.setAttribute !== undefined
  const unsupported = (why: string) => {
    supported = false
    warn(
      "AttributesUnsupported",
      `${why}: owners and modes of this layer are kept in a file beside it, named as it plus .stat`
    )
  }

  const allowed = (name: string): boolean => {
    // The system would read a name up to its first NUL, and we all of it.
    if (isReserved(name) || name.includes("\0")) return false
    if (process.platform !== "linux" || name.startsWith("user.")) return true
    if (ownership === "chown" && !isHostOnly(name)) return true
    const shown = printable(decode(name), 100)
    warn("AttributesDropped", `attributes like ${shown} need ownership chown and root: they are left out of this layer`)
    return false
  }

  /** ext4 says ENOSPC both for a full disk and for an attribute that does not fit into its one block. */
  const tooLarge = (code: string) => {
    if (code !== "ENOSPC") return code === "E2BIG" || code === "ERANGE"
    const { blocks, bavail } = statfsSync(options.directory)
    return bavail > 0 || blocks === 0
  }

  /** True when set. */
  const put = (code: string | undefined, said: string, path: string | Buffer): boolean => {
    if (code === undefined) return true
    const name = printable(decode(said), 100)
    const refused = code === "ENOTSUP" || code === "EPERM"
    if (code === "ENOSYS" || (refused && name.startsWith("user."))) {
      unsupported(`the file system takes no user.* attributes (${code})`)
      return false
    }
    if (refused) {
      warn("AttributesRefused", `the system refuses the attribute ${name} (${code}): kept beside the layer`)
      return false
    }
    if (tooLarge(code)) {
      warn(
        "AttributeTooLarge",
        `the attribute ${name} is too large for the file system (${code}): kept beside the layer`
      )
      return false
    }
    // Our own attribute is one that every file system that has any takes: the name, or the value, is the archive's fault.
    if (code === "EINVAL" && said !== overrideStatName)
      throw options.refuse(`its attribute ${JSON.stringify(name)} is invalid (EINVAL)`)
    throw Object.assign(new Error(code), { code, syscall: "setxattr", path: path.toString() })
  }

  return {
    isSupported: () => supported || ownership !== "xattr",
    set: (fd, path, header) => {
      const wantStat = ownership === "xattr"
      if (!wantStat && header.xattrs.size === 0) return { stat: true, rest: none }
      const setAttribute = native.setAttribute
      if (!supported && wantStat && setAttribute === undefined)
        unsupported("neither koffi nor fs-xattr could be loaded")
      const set = (name: string, value: Uint8Array) =>
        supported && setAttribute !== undefined && put(setAttribute(fd, path, name, value), name, path)
      const stat = !wantStat || set(overrideStatName, bytesOf(header))
      if (header.xattrs.size === 0) return { stat, rest: none }
      const rest = [...header.xattrs].filter(([name, value]) => allowed(name) && !set(name, value))
      return { stat, rest }
    },
    clear: (fd, header) => {
      for (const name of native.attributeNames?.(fd) ?? []) {
        const ours = name.startsWith("user.") || (ownership === "chown" && settable.test(name) && !isHostOnly(name))
        // One that stays is one that the image set: nothing is lost by it.
        if (ours && !isReserved(name) && !header.xattrs.has(name)) native.removeAttribute?.(fd, name)
      }
    },
    setLink: (path, header) => {
      for (const [name, value] of header.xattrs) {
        // user.* is for files and directories alone: the kernel's rule.
        if (name.startsWith("user.") || !allowed(name) || native.setLinkAttribute === undefined) continue
        put(native.setLinkAttribute(path, name, value), name, path)
      }
    }
  }
}
