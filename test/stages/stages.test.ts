import { createHash, randomBytes } from "node:crypto"
import { gzipSync } from "node:zlib"
import { from, lastValueFrom, type Observable, toArray } from "rxjs"
import { expect, test } from "vitest"
import { concatPull, decompress, type Part, untar, verify } from "../../src/stages/index.ts"
import { tar } from "../../src/testing/index.ts"

const noise = randomBytes(300_000)
const archive = tar().directory("d/").file("d/large", noise).file("small", "text").end().bytes()
const blob = gzipSync(archive)
const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`

const cut = (bytes: Uint8Array, size: number) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))

/** Names and bodies; the views are copied as they come. */
const filesIn = async (parts$: Observable<Part>) => {
  const found: Array<readonly [string, Array<Buffer>]> = []
  await parts$.forEach((part) => {
    if ("header" in part) found.push([part.header.path, []])
    const bytes = part._tag === "Entry" ? part.body : part._tag === "Data" ? part.chunk : undefined
    if (bytes !== undefined) found.at(-1)?.[1].push(Buffer.from(bytes))
  })
  return found.map(([path, pieces]) => [path, digestOf(Buffer.concat(pieces))])
}

const expected = [
  ["d/", digestOf(Buffer.alloc(0))],
  ["d/large", digestOf(noise)],
  ["small", digestOf(Buffer.from("text"))]
]

test.for([1000, 65_536, 2 ** 20])("a blob in pieces of %i bytes is verified, inflated and read", async (size) => {
  const parts$ = from(cut(blob, size)).pipe(
    verify(digestOf(blob), blob.length),
    decompress(),
    verify(digestOf(archive)),
    untar()
  )
  expect(await filesIn(parts$)).toEqual(expected)
})

test("what is not compressed passes decompress as it is", async () => {
  expect(await filesIn(from(cut(archive, 5000)).pipe(decompress(), untar()))).toEqual(expected)
})

test.for([
  ["another byte", "DigestMismatch", Buffer.concat([blob.subarray(0, 1000), Buffer.of(1), blob.subarray(1001)])],
  ["a byte less", "SizeMismatch", blob.subarray(1)],
  ["a byte more", "SizeMismatch", Buffer.concat([blob, Buffer.of(0)])]
] as const)("verify tells %s before the stages behind it do", async ([, tag, bytes]) => {
  const parts$ = from(cut(bytes, 4096)).pipe(verify(digestOf(blob), blob.length), decompress(), untar())
  await expect(lastValueFrom(parts$)).rejects.toMatchObject({ _tag: tag })
})

test("broken bytes are CorruptLayer by the name that they were given", async () => {
  const cutOff = from(cut(blob.subarray(0, 5000), 1000)).pipe(decompress({ digest: "my bytes" }))
  await expect(lastValueFrom(cutOff)).rejects.toMatchObject({ _tag: "CorruptLayer", digest: "my bytes" })
  const noArchive = from([Buffer.alloc(2000, "no archive")]).pipe(untar())
  await expect(lastValueFrom(noArchive)).rejects.toMatchObject({ _tag: "CorruptLayer", stage: "untar" })
})

test("limits are held at the limit and one past it", async () => {
  const inflate = (layerBytes: number) =>
    lastValueFrom(from([blob]).pipe(decompress({ limits: { layerBytes } }), toArray()))
  expect((await inflate(archive.length)).length).toBeGreaterThan(1)
  await expect(inflate(archive.length - 1)).rejects.toMatchObject({ _tag: "LimitExceeded", limit: "layerBytes" })
  const read = (entries: number) => lastValueFrom(from([archive]).pipe(untar({ limits: { entries } }), toArray()))
  expect((await read(3)).length).toBeGreaterThan(2)
  await expect(read(2)).rejects.toMatchObject({ _tag: "LimitExceeded", limit: "entries" })
})

test("decompress never emits more than 64 KiB at once, whatever the pieces are", async () => {
  let most = 0
  const zeros = gzipSync(Buffer.alloc(50_000_000))
  await from([zeros])
    .pipe(decompress())
    .forEach((piece) => {
      most = Math.max(most, piece.length)
    })
  expect(most).toBeLessThanOrEqual(65_536)
})

test("concatPull asks for the next when the last is over, passes undefined on, and ends the iteration", async () => {
  let asked = 0
  let isEnded = false
  const source = {
    async *[Symbol.asyncIterator]() {
      try {
        for (const value of [1, undefined, 3]) {
          asked += 1
          yield value
        }
      } finally {
        isEnded = true
      }
    }
  }
  const seen = concatPull(source, async (value, index) => {
    await new Promise(setImmediate)
    expect(asked).toBe(index + 1)
    return value
  })
  expect(await lastValueFrom(seen.pipe(toArray()))).toEqual([1, undefined, 3])
  isEnded = false
  const subscription = concatPull(source, () => new Promise(() => {})).subscribe()
  await new Promise(setImmediate)
  subscription.unsubscribe()
  await expect.poll(() => isEnded).toBe(true)
})
