/** `ociflow cat` and `ls`: files of an image. */
import * as Effect from "effect/Effect"
import type { ListDirectoryOptions } from "../../api/config.ts"
import { printableJson } from "../../api/printable.ts"
import { Puller } from "../../Puller.ts"
import type { EntryFacts } from "../../read/entries/Entry.ts"
import { Output } from "../Output.ts"
import { table } from "../text/table.ts"
import { telling } from "./lookup.ts"

/** What a terminal obeys, or nobody sees, as escapes of JSON; `keep`: but for lines and tabs. */
const escaped = (text: string, keep: "keep" | "" = ""): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, (found) =>
    keep === "keep" && (found === "\n" || found === "\t")
      ? found
      : Array.from(
          { length: found.length },
          (_, at) => `\\u${found.charCodeAt(at).toString(16).padStart(4, "0")}`
        ).join("")
  )

/** Byte for byte; to a terminal, without what a terminal obeys. */
export const cat = Effect.fnUntraced(function* (reference: string, path: string, options: ListDirectoryOptions) {
  const { stdout } = yield* Output
  const emit = yield* telling
  const bytes = yield* Puller.use((puller) => puller.readFile(reference, path, options, emit))
  stdout.write(stdout.isTTY === true ? escaped(bytes.toString(), "keep") : bytes)
})

const letters: Readonly<Record<EntryFacts["type"], string>> = {
  file: "-",
  directory: "d",
  symlink: "l",
  link: "-",
  "character-device": "c",
  "block-device": "b",
  fifo: "p"
}

/** The type and mode as ls(1) prints them. */
const modeOf = ({ type, mode }: EntryFacts): string => {
  const bits = [..."rwxrwxrwx"].map((letter, at) => ((mode >> (8 - at)) & 1 ? letter : "-"))
  const special = (at: number, bit: number, letter: string) => {
    if ((mode & bit) !== 0) bits[at] = bits[at] === "x" ? letter : letter.toUpperCase()
  }
  special(2, 0o4000, "s")
  special(5, 0o2000, "s")
  special(8, 0o1000, "t")
  return letters[type] + bits.join("")
}

const baseOf = (path: string) => path.slice(path.lastIndexOf("/") + 1)

const row = (entry: EntryFacts): ReadonlyArray<string> => {
  const { path, linkPath, device } = entry
  return [
    modeOf(entry),
    String(entry.uid),
    String(entry.gid),
    device === undefined ? String(entry.size) : `${device.major},${device.minor}`,
    entry.mtime.toISOString().slice(0, 19),
    escaped(baseOf(path)) + (linkPath === undefined ? "" : ` -> ${escaped(linkPath)}`)
  ]
}

const jsonOf = ({ xattrs, mtime, mtimeNs, rawPath, rawLinkPath, ...entry }: EntryFacts) => ({
  ...entry,
  name: baseOf(entry.path),
  mtime: mtime.toISOString(),
  xattrs: Object.fromEntries([...xattrs].map(([name, value]) => [name, Buffer.from(value).toString("base64")]))
})

export const ls = Effect.fnUntraced(function* (
  reference: string,
  path: string | undefined,
  options: ListDirectoryOptions,
  { long, json }: { readonly long: boolean; readonly json: boolean }
) {
  const { stdout } = yield* Output
  const emit = yield* telling
  const entries = yield* Puller.use((puller) => puller.list(reference, path, options, emit))
  if (json) stdout.write(`${printableJson(entries.map(jsonOf))}\n`)
  else if (long && entries.length > 0) stdout.write(`${table(entries.map(row))}\n`)
  else for (const { path } of entries) stdout.write(`${escaped(baseOf(path))}\n`)
})
