import { erofsImage } from "../../src/erofs/erofsImage.ts"
import type { EntryHeader } from "../../src/layer/Entry.ts"
import type { ArchiveEntry, EntryCursor } from "../../src/layer/EntryCursor.ts"
import { implied } from "../../src/layer/metadata/ownership.ts"
import type { Bench } from "../Bench.ts"
import { micro } from "../measure/micro.ts"

export const question = "How fast is a tree written as an EROFS image?"

const piece = Buffer.alloc(2 ** 16, "piece")

const bodyOf = (size: number) => {
  let left = size
  const read = async () => {
    if (left === 0) return undefined
    const bytes = piece.subarray(0, left)
    left -= bytes.length
    return bytes
  }
  return { read, leave: () => {} }
}

const cursorOf = (headers: Iterable<EntryHeader>): EntryCursor<ArchiveEntry> => {
  const all = headers[Symbol.iterator]()
  const next = async () => {
    const { value } = all.next()
    return value === undefined ? undefined : { header: value, body: bodyOf(value.size) }
  }
  return { next, close: () => {} }
}

const files = function* (count: number, size: number): Generator<EntryHeader, undefined> {
  for (let i = 0; i < count; i++)
    yield { ...implied, type: "file", path: `directory-${Math.floor(i / 100)}/file-${i}`, size }
}

const write = async (count: number, size: number) => {
  const open = () => cursorOf(files(count, size))
  for await (const _ of erofsImage({ headers: open, bodies: open }));
}

export const run = async (bench: Bench) => {
  const [count, bytes] = bench.options.quick ? [1000, 2 ** 22] : [20_000, 2 ** 28]
  return micro(bench, [
    { what: "EROFS image, files of 1000 bytes", amount: count, unit: "/s", run: () => write(count, 1000) },
    { what: "EROFS image, bytes of one file", amount: bytes, unit: "MB/s", run: () => write(1, bytes) }
  ])
}
