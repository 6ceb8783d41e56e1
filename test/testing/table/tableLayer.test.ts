import { createHash } from "node:crypto"
import { gunzipSync } from "node:zlib"
import { expect, test } from "vitest"
import { makeInputBudget } from "../../../src/layer/compression/decompress.ts"
import { unzstd } from "../../../src/layer/compression/unzstd.ts"
import { type LayerTable, Prng, tableLayer, tar } from "../../../src/testing/index.ts"

const inflate = (bytes: Uint8Array, isStargz: boolean): Buffer => {
  if (isStargz) return gunzipSync(bytes)
  const pieces: Array<Buffer> = []
  const machine = unzstd("sha256:0", makeInputBudget())
  machine.push(bytes, (piece) => pieces.push(Buffer.from(piece)))
  machine.end((piece) => pieces.push(Buffer.from(piece)))
  return Buffer.concat(pieces)
}

const sha256 = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`

test.each(["zstd:chunked", "estargz"] as const)("%s: the table finds the bytes of each file", async (form) => {
  const isStargz = form === "estargz"
  const bodies = new Map(
    ["a", "b/c", "d"].map((name, at) => [name, Buffer.from(new Prng(name).bytes(70_000 * at + 5))])
  )
  const archive = tar("pax").directory("b").symlink("l", "a")
  for (const [name, body] of bodies) archive.file(name, body)
  let table: LayerTable = { version: 0, entries: [] }
  const { layer, blob, descriptor } = await tableLayer(archive, {
    form,
    edit: (made) => {
      table = made
      return made
    }
  })
  const pieces: Array<Uint8Array> = []
  for await (const piece of blob.read(0, blob.size)) pieces.push(piece)
  const bytes = Buffer.concat(pieces)
  expect(layer).toMatchObject({ digest: sha256(bytes), size: bytes.length, diffId: sha256(inflate(bytes, isStargz)) })
  expect(Object.keys(descriptor["annotations"] ?? {})).toHaveLength(isStargz ? 1 : 2)

  const starts = [...table.entries.flatMap(({ offset = 0 }) => (offset > 0 ? [offset] : []))]
  for (const [name, body] of bodies) {
    const chunks = table.entries.filter((entry) => entry.name === name)
    const [first] = chunks
    expect(first).toMatchObject({ type: "reg", size: body.length, digest: sha256(body) })
    for (const { offset = 0, chunkOffset = 0, chunkSize } of chunks) {
      const end = starts.find((start) => start > offset) ?? bytes.length
      // What follows in the blob may follow in the bytes.
      const found = inflate(bytes.subarray(offset, isStargz ? end : (first?.endOffset ?? end)), isStargz)
      const size = chunkSize ?? body.length - chunkOffset
      expect(found.subarray(0, size)).toEqual(body.subarray(chunkOffset, chunkOffset + size))
    }
  }
})

test("an entry that no table tells of is refused", async () => {
  await expect(tableLayer(tar("gnu").file("a".repeat(300), "x"))).rejects.toThrow("of type L")
})
