/**
 * What attributes cannot say, kept beside the layer in `<directory>.stat`: everything where the file system takes no
 * attributes; else the owners of symbolic links and the numbers of devices. One JSON object a line, in archive order;
 * the last line about a path counts. It is made when there is something to say, so most layers have none.
 * See docs/decisions/0004-ownership-without-xattrs.md.
 */
import { closeSync, constants, existsSync, openSync, writeSync } from "node:fs"
import type { EntryHeader } from "../Entry.ts"
import { overrideStat } from "./overrideStat.ts"

export interface StatFile {
  /** `attributes` are the archive's own that could not be set, by name (a binary string). */
  readonly entry: (path: string, header: EntryHeader, attributes?: ReadonlyArray<readonly [string, Uint8Array]>) => void
  /** The hard link `path` has the stat of `target`. */
  readonly link: (path: string, target: string) => void
  /** Whatever was said about `path`, and about everything beneath it, is void. Says nothing where nothing was said. */
  readonly removed: (path: string) => void
  /** Puts the rest on disk. */
  readonly flush: () => void
  /** Never throws. */
  readonly close: () => void
}

const flushAt = 65_536

/** UTF-8 as text, other bytes as base64: `{"path":…}` or `{"path64":…}`. */
const named = (key: string, binary: string): Record<string, string> => {
  const bytes = Buffer.from(binary, "latin1")
  const text = bytes.toString()
  return Buffer.from(text).equals(bytes) ? { [key]: text } : { [`${key}64`]: bytes.toString("base64") }
}

/** `directory`: the layer's root, whose name plus `.stat` is the file's; `append` where several layers share a root. */
export const makeStatFile = (directory: string, append: boolean): StatFile => {
  let fd: number | undefined
  const continued = append && existsSync(`${directory}.stat`)
  let lines: Array<string> = []
  let length = 0

  const flush = () => {
    if (fd === undefined || lines.length === 0) return
    const bytes = Buffer.from(lines.join(""))
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done)
    lines = []
    length = 0
  }

  const say = (fact: Record<string, unknown>) => {
    const how = append ? constants.O_APPEND : constants.O_TRUNC
    fd ??= openSync(
      `${directory}.stat`,
      constants.O_CREAT | constants.O_WRONLY | how | (constants.O_NOFOLLOW ?? 0),
      0o644
    )
    const line = `${JSON.stringify(fact)}\n`
    lines.push(line)
    length += line.length
    if (length >= flushAt) flush()
  }

  return {
    entry: (path, header, attributes = []) => {
      const device = header.type === "character-device" || header.type === "block-device"
      say({
        ...named("path", path),
        stat: overrideStat(header, "seed"),
        ...(device ? { device: [header.devMajor, header.devMinor] } : {}),
        ...(attributes.length === 0
          ? {}
          : {
              attributes: attributes.map(([name, value]) => ({
                ...named("name", name),
                value64: Buffer.from(value).toString("base64")
              }))
            })
      })
    },
    link: (path, target) => say({ ...named("path", path), ...named("link", target) }),
    removed: (path) => {
      if (fd !== undefined || continued) say({ ...named("path", path), removed: true })
    },
    flush,
    close: () => {
      try {
        if (fd !== undefined) closeSync(fd)
      } catch {
        // Nothing can be done about it, and what counts was flushed.
      }
      fd = undefined
    }
  }
}
