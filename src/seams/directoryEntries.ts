/** The names in a directory, as bytes, and what each is. */
import { type Dir, type Dirent, lstatSync, opendirSync, readdirSync } from "node:fs"
import { lstat, readdir } from "node:fs/promises"
import { sep } from "node:path"
import { runtime } from "./runtime.ts"

export interface DirectoryEntry {
  readonly name: Buffer
  readonly isDirectory: () => boolean
  readonly isFile: () => boolean
}

/** The path of what has this name in a directory. */
export const within = (directory: Buffer, name: Buffer): Buffer => Buffer.concat([directory, Buffer.from(sep), name])

const options = { withFileTypes: true, encoding: "buffer" } as const

/** Bun leaves out what they are where names are bytes. */
type Found = Dirent<Buffer> | Buffer

const isBare = (found: Found): found is Buffer => Buffer.isBuffer(found)

const withKind = (name: Buffer, kind: Pick<DirectoryEntry, "isDirectory" | "isFile">): DirectoryEntry => ({
  name,
  isDirectory: () => kind.isDirectory(),
  isFile: () => kind.isFile()
})

export const readEntries = async (path: Buffer): Promise<ReadonlyArray<DirectoryEntry>> => {
  const entries: Array<DirectoryEntry> = []
  for (const found of (await readdir(path, options)) as ReadonlyArray<Found>)
    entries.push(isBare(found) ? withKind(found, await lstat(within(path, found))) : found)
  return entries
}

const readEntriesSync = (path: Buffer): ReadonlyArray<DirectoryEntry> =>
  (readdirSync(path, options) as ReadonlyArray<Found>).map((found) =>
    isBare(found) ? withKind(found, lstatSync(within(path, found))) : found
  )

/** Names that Node reads at once. */
const bufferSize = 256

/** The types have neither paths nor names as bytes. */
const openDirectory = (path: Buffer): Dir =>
  opendirSync(path as unknown as string, { encoding: "buffer" as BufferEncoding, bufferSize })

/** One after the other, since a directory can have millions; in Bun and Deno, whose `opendir` knows no bytes, all at once. */
export function* entriesIn(path: Buffer): Generator<DirectoryEntry> {
  if (runtime !== "node") return yield* readEntriesSync(path)
  const directory = openDirectory(path)
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync())
      yield entry as unknown as Dirent<Buffer>
  } finally {
    directory.closeSync()
  }
}
