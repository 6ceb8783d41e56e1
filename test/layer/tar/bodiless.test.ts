import { expect, test } from "vitest"
import { defaultLimits } from "../../../src/api/config.ts"
import type { EntryHeader } from "../../../src/layer/Entry.ts"
import { ArchiveReader, type Part } from "../../../src/layer/tar/ArchiveReader.ts"
import { encodeEntry, paddingOf, zeros } from "../../../src/layer/tar/encodeEntry.ts"
import { dir, file, link } from "../../support/entries.ts"

const read = (pieces: ReadonlyArray<Uint8Array>, isBodiless: boolean): ReadonlyArray<EntryHeader> => {
  const parts: Array<Part> = []
  const reader = new ArchiveReader({ digest: "sha256:0", limits: defaultLimits, warn: () => {}, isBodiless })
  for (const piece of pieces) reader.push(piece, (part) => parts.push(part))
  reader.end()
  return parts.flatMap((part) => (part._tag === "Entry" || part._tag === "Begin" ? [part.header] : []))
}

test("headers without bodies are read as those with them", () => {
  const entries = [
    dir("d"),
    file("d/empty"),
    file("d/f", "body", { xattrs: new Map([["user.a", Buffer.from("v")]]), mtime: { seconds: 7, nanos: 5 } }),
    file(`d/${"long".repeat(50)}`, "b".repeat(5000)),
    link("d/l", "d/f")
  ]
  const end = zeros.subarray(0, 1024)
  const whole = entries.flatMap(({ body = Buffer.alloc(0), ...header }) => [
    encodeEntry(header),
    body,
    paddingOf(header.size)
  ])
  const headers = entries.map(({ body: _, ...header }) => encodeEntry(header))
  const expected = read([...whole, end], false)
  expect(expected.map(({ size }) => size)).toEqual([0, 0, 4, 5000, 0])
  expect(read([...headers, end], true)).toEqual(expected)
})
