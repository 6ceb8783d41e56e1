import { createHash, randomBytes } from "node:crypto"
import { deflateRawSync, gzipSync } from "node:zlib"
import * as fc from "fast-check"
import { lastValueFrom, map, Subject, toArray } from "rxjs"
import { describe, expect, test } from "vitest"
import { defaultLimits, type Limits } from "../../../src/api/config.ts"
import { isReadable, isTar } from "../../../src/layer/compression/archiveTypes.ts"
import { compressions } from "../../../src/layer/compression/compressions.ts"
import { decompress, makeInputBudget } from "../../../src/layer/compression/decompress.ts"
import { verifyDigest } from "../../../src/layer/verifyDigest.ts"
import { Gate } from "../../../src/reactive/Gate.ts"
import { runs } from "../../support/runs.ts"
import { gated } from "../readArchive.ts"

const digest = "sha256:test"
const gzipType = "application/vnd.oci.image.layer.v1.tar+gzip"
const zstdType = "application/vnd.oci.image.layer.v1.tar+zstd"
const plainType = "application/vnd.oci.image.layer.v1.tar"

const run = async (
  bytes: Uint8Array,
  { mediaType = gzipType, sizes = [65536], limits = {} as Partial<Limits> } = {}
): Promise<Buffer> => {
  const layer = { digest, mediaType, limits: { ...defaultLimits, ...limits } }
  const archive$ = gated(bytes, new Gate(), sizes).pipe(
    decompress(layer),
    map((chunk) => Uint8Array.from(chunk)),
    toArray()
  )
  return Buffer.concat(await lastValueFrom(archive$))
}
const corrupt = (problem: RegExp) => ({
  _tag: "CorruptLayer",
  stage: "decompress",
  problem: expect.stringMatching(problem)
})

const text = Buffer.from("a text that is compressed, and again: a text that is compressed\n".repeat(2000))
const noise = randomBytes(100_000)
const fox = Buffer.from("the quick brown fox jumps over the lazy dog\n".repeat(200))
/** `zstd -19 --check` and `zstd -3 --no-check` of the fox. */
const checked = Buffer.from(
  "KLUv/WRgIa0BAMQCdGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZwoBAIwRj1dlcs8RPg==",
  "base64"
)
const unchecked = Buffer.from(
  "KLUv/WBgIa0BAMQCdGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZwoBAIwRj1dl",
  "base64"
)
const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])

/** A frame of run-length blocks, 4 bytes for 128 KiB of zeros. */
const zeroFrame = (blocks: number): Buffer => {
  const size = 128 * 1024
  const header = (last: number) => [((size << 3) & 0xff) | 2 | last, (size >> 5) & 0xff, size >> 13, 0]
  return Buffer.from([
    0x28,
    0xb5,
    0x2f,
    0xfd,
    0x00,
    0x38,
    ...Array.from({ length: blocks }, (_, i) => header(i === blocks - 1 ? 1 : 0)).flat()
  ])
}

/** A gzip member with every optional field. */
const fullMember = (body: Buffer): Buffer => {
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(body.length, 4)
  const header = [0x1f, 0x8b, 8, 4 | 8 | 16 | 2, 0, 0, 0, 0, 0, 255, 3, 0, 1, 2, 3]
  return Buffer.concat([
    Buffer.from(header),
    Buffer.from("name\0comment\0"),
    Buffer.from([9, 9]),
    deflateRawSync(body),
    trailer
  ])
}

describe("gzip", () => {
  test("one member", async () => {
    expect(text.equals(await run(gzipSync(text)))).toBe(true)
  })

  test("members are one stream, wherever they and the input are cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 3000 }), { minLength: 1, maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 4 }),
        fc.nat({ max: 20 }),
        async (bodies, sizes, zeros) => {
          const stream = Buffer.concat([...bodies.map((body) => gzipSync(body)), Buffer.alloc(zeros)])
          expect(await run(stream, { sizes })).toEqual(Buffer.concat(bodies))
        }
      ),
      { numRuns: runs(60) }
    )
  })

  test("a member may end exactly where a slice of the input ends", async () => {
    const member = gzipSync(text)
    const stream = Buffer.concat([member, gzipSync(fox)])
    const both = Buffer.concat([text, fox])
    for (const cut of [member.length - 9, member.length - 8, member.length - 7, member.length, member.length + 1])
      expect(both.equals(await run(stream, { sizes: [cut, 1_000_000] }))).toBe(true)
  })

  test("a member that is larger than a slice", async () => {
    expect(noise.equals(await run(gzipSync(noise)))).toBe(true)
  })

  test("every optional field of a header is passed over", async () => {
    for (const size of [1, 7, 65536]) expect(await run(fullMember(fox), { sizes: [size] })).toEqual(fox)
  })

  test("an empty member", async () => {
    expect(await run(Buffer.concat([gzipSync(""), gzipSync(fox)]))).toEqual(fox)
  })

  const whole = gzipSync(text)
  const refused: ReadonlyArray<readonly [string, Buffer, RegExp]> = [
    ["garbage behind the last member", Buffer.concat([whole, Buffer.from("garbage")]), /garbage/],
    [
      "a byte behind the zeros that pad the last member",
      Buffer.concat([whole, Buffer.alloc(9), Buffer.from([1])]),
      /garbage/
    ],
    [
      "a member behind zeros, which readers take differently",
      Buffer.concat([whole, Buffer.alloc(9), whole]),
      /garbage/
    ],
    ["no trailer", whole.subarray(0, -8), /ends within/],
    ["half a trailer", whole.subarray(0, -3), /ends within/],
    ["half a body", whole.subarray(0, whole.length >> 1), /ends within/],
    ["half a header", whole.subarray(0, 6), /ends within/],
    ["a second member cut off", Buffer.concat([whole, whole.subarray(0, 20)]), /ends within/],
    ["a trailer with another size", Buffer.concat([whole.subarray(0, -4), Buffer.alloc(4)]), /says 0/],
    ["a body that is not deflate", Buffer.concat([whole.subarray(0, 10), Buffer.alloc(2000, 0xff)]), /invalid/],
    ["reserved flags", Buffer.concat([whole.subarray(0, 3), Buffer.from([0xe0]), whole.subarray(4)]), /reserved/],
    ["an unknown method", Buffer.concat([whole.subarray(0, 2), Buffer.from([7]), whole.subarray(3)]), /method/],
    [
      "a name without end",
      Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 0]), Buffer.alloc(70_000, 1)]),
      /without end/
    ]
  ]
  for (const [name, bytes, problem] of refused)
    test(`${name} is a CorruptLayer, however the input is cut`, async () => {
      for (const sizes of [[65536], [1], [3, 100]])
        await expect(run(bytes, { sizes })).rejects.toMatchObject(corrupt(problem))
    })

  test("bytes that were tampered with are a DigestMismatch, though they cannot be decompressed either", async () => {
    const layer = { digest, mediaType: gzipType, limits: defaultLimits }
    const tampered = Buffer.from(whole)
    tampered.fill(0xff, 20, 60)
    const honest = `sha256:${createHash("sha256").update(whole).digest("hex")}`
    const result = lastValueFrom(
      gated(tampered, new Gate(), [100]).pipe(verifyDigest("blob", honest), decompress(layer))
    )
    await expect(result).rejects.toMatchObject({ _tag: "DigestMismatch" })
  })
})

describe("zstd", () => {
  test("frames with and without a checksum, skippable ones between them, however the input is cut", async () => {
    const stream = Buffer.concat([skippable, checked, skippable, unchecked, zeroFrame(3), skippable])
    const expected = Buffer.concat([fox, fox, Buffer.alloc(3 * 131072)])
    for (const sizes of [[65536], [1], [3], [17, 2, 64]])
      expect((await run(stream, { mediaType: zstdType, sizes })).equals(expected)).toBe(true)
  })

  const refused: ReadonlyArray<readonly [string, Buffer, RegExp]> = [
    ["garbage behind the last frame", Buffer.concat([checked, Buffer.from("garbage")]), /garbage/],
    ["half a frame", checked.subarray(0, 40), /ends within/],
    ["a frame without its checksum", checked.subarray(0, -4), /ends within/],
    ["a skippable frame cut off", Buffer.concat([checked, skippable.subarray(0, -1)]), /ends within/],
    ["a window of 2^41 bytes", Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 1, 0, 0]), /window/],
    ["a dictionary", Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x01, 0x38, 7, 1, 0, 0]), /dictionary/],
    ["a block of a reserved type", Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38, 7, 0, 0]), /reserved/],
    ["a block that cannot be decoded", Buffer.concat([checked.subarray(0, 12), Buffer.alloc(60, 0xff)]), /zstd/]
  ]
  for (const [name, bytes, problem] of refused)
    test(`${name} is a CorruptLayer`, async () => {
      await expect(run(bytes, { mediaType: zstdType })).rejects.toMatchObject(corrupt(problem))
    })
})

describe("the form of a layer", () => {
  test("is told by its first bytes, under any type of a layer", async () => {
    for (const mediaType of [
      gzipType,
      zstdType,
      plainType,
      "application/vnd.docker.image.rootfs.diff.tar.gzip",
      "application/vnd.docker.image.rootfs.diff.tar",
      "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip; charset=utf-8",
      "application/vnd.acme.layer.v1+tar",
      "application/vnd.acme.layer.v1+tar+zstd",
      "application/vnd.acme.layer.v1+gzip",
      "application/vnd.acme.layer.v1+ZSTD",
      "application/x-tar"
    ])
      for (const bytes of [gzipSync(fox), checked, fox]) expect(await run(bytes, { mediaType })).toEqual(fox)
  })

  test("an empty layer is an empty archive, and a layer of three bytes is not taken for more", async () => {
    expect(await run(Buffer.alloc(0))).toEqual(Buffer.alloc(0))
    expect(await run(Buffer.from("abc"))).toEqual(Buffer.from("abc"))
  })

  test("other types are refused by their name", async () => {
    for (const mediaType of [
      "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
      "application/json",
      "x/tarball",
      "x/y+xz",
      "gzip",
      "tar"
    ])
      await expect(run(gzipSync(fox), { mediaType })).rejects.toMatchObject({ _tag: "UnsupportedMediaType", mediaType })
  })
})

test("a suffix names each compression that is read, and no other", () => {
  for (const { suffix } of compressions) {
    expect(isReadable(`a/b+${suffix}`)).toBe(true)
    expect(isTar(`a/b+${suffix}`)).toBe(false)
    for (const type of [`a/b.tar+${suffix}`, `a/b.tar.${suffix}`, `a/b+tar+${suffix}; v=1`])
      expect(isTar(type)).toBe(true)
  }
  expect(isReadable("a/b+bzip2")).toBe(false)
})

describe("memory", () => {
  /** The most that comes out of one step, when each step takes what the pace allows. */
  const mostPerStep = (bytes: Uint8Array): number => {
    const pace = makeInputBudget()
    const limits = { ...defaultLimits, inflateRatio: Number.POSITIVE_INFINITY }
    const source = new Subject<Uint8Array>()
    let out = 0
    let most = 0
    source.pipe(decompress({ digest, mediaType: gzipType, limits }, pace)).subscribe((chunk) => {
      out += chunk.length
    })
    for (let at = 0; at < bytes.length; ) {
      out = 0
      const size = pace.bytes
      source.next(bytes.subarray(at, at + size))
      at += size
      most = Math.max(most, out)
    }
    return most
  }

  test("one step of a zstd bomb, 32768-fold, is at most a few blocks", () => {
    const most = mostPerStep(Buffer.concat([checked, zeroFrame(1000)]))
    expect(most).toBeLessThanOrEqual(17 * 128 * 1024)
  })

  test("no piece is larger than a block, whatever it came from", async () => {
    for (const bytes of [gzipSync(Buffer.alloc(2 ** 22)), zeroFrame(40), Buffer.alloc(2 ** 22)]) {
      const layer = { digest, mediaType: gzipType, limits: defaultLimits }
      const pieces = await lastValueFrom(gated(bytes, new Gate(), [2 ** 22]).pipe(decompress(layer), toArray()))
      expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(128 * 1024)
    }
  })
})

describe("limits", () => {
  test("a layer may have layerBytes bytes, and not one more", async () => {
    const limits = { layerBytes: text.length }
    expect(text.equals(await run(gzipSync(text), { limits }))).toBe(true)
    await expect(run(gzipSync(Buffer.concat([text, Buffer.from("x")])), { limits })).rejects.toMatchObject({
      _tag: "LimitExceeded",
      limit: "layerBytes",
      maximum: text.length
    })
  })

  test("a ratio is looked at from 16 MiB of output on", async () => {
    const limits = { inflateRatio: 100 }
    const below = gzipSync(Buffer.alloc(16 * 2 ** 20 - 70_000))
    expect((await run(below, { limits })).length).toBe(16 * 2 ** 20 - 70_000)
    await expect(run(gzipSync(Buffer.alloc(17 * 2 ** 20)), { limits })).rejects.toMatchObject({ limit: "inflateRatio" })
  })

  test("no honest gzip passes the default ratio, however many zeros it holds", async () => {
    expect((await run(gzipSync(Buffer.alloc(40 * 2 ** 20), { level: 9 }))).length).toBe(40 * 2 ** 20)
  })

  test("a zstd bomb is stopped by the ratio", async () => {
    await expect(run(zeroFrame(8192), { mediaType: zstdType })).rejects.toMatchObject({ limit: "inflateRatio" })
  })
})
