/** An archive → a blob: compressed one way or another, and then not left alone. */
import { deflateRawSync, gzipSync } from "node:zlib"
import type { Prng } from "../../src/testing/image/Prng.ts"

const pieces = (bytes: Buffer, random: Prng, most: number): Array<Buffer> => {
  const cuts = Array.from({ length: random.below(most) }, () => random.below(bytes.length + 1)).sort((a, b) => a - b)
  return [0, ...cuts].map((start, i) => bytes.subarray(start, cuts[i] ?? bytes.length))
}

/** A member with every optional field of RFC 1952 that chance picks. */
const member = (bytes: Buffer, random: Prng): Buffer => {
  const flags = random.below(32)
  const extra = random.bytes(random.below(300))
  const length = Buffer.alloc(2)
  length.writeUInt16LE(extra.length)
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(bytes.length, 4)
  return Buffer.concat([
    Buffer.of(0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255),
    ...(flags & 4 ? [length, extra] : []),
    ...(flags & 8 ? [Buffer.from(`${random.word()}\0`)] : []),
    ...(flags & 16 ? [Buffer.from(`${random.word(random.below(200))}\0`)] : []),
    ...(flags & 2 ? [Buffer.alloc(2)] : []),
    deflateRawSync(bytes, { level: random.below(3) }),
    trailer
  ])
}

const zstdBlock = (bytes: Buffer, last: boolean): Buffer => {
  const [first] = bytes
  const repeated = first !== undefined && bytes.every((byte) => byte === first)
  const header = Buffer.alloc(3)
  header.writeUIntLE((bytes.length << 3) | (repeated ? 2 : 0) | (last ? 1 : 0), 0, 3)
  return Buffer.concat([header, repeated ? bytes.subarray(0, 1) : bytes])
}

/** Raw and run-length blocks, with any width of content size. */
const zstdFrame = (bytes: Buffer, random: Prng): Buffer => {
  const width = random.below(4)
  const single = random.chance(0.4)
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(width === 1 ? Math.max(0, bytes.length - 256) : bytes.length))
  const fits = [single ? bytes.length < 256 : true, bytes.length >= 256 && bytes.length < 65792, true, true][width]
  const content = fits ? width : 3
  const blocks = pieces(bytes, random, 5)
    .flatMap((piece) =>
      Array.from({ length: Math.ceil(piece.length / 65536) || 1 }, (_, i) => piece.subarray(i * 65536, (i + 1) * 65536))
    )
    .filter((piece, i, all) => piece.length > 0 || i === all.length - 1)
  return Buffer.concat([
    Buffer.of(0x28, 0xb5, 0x2f, 0xfd, (content << 6) | (single ? 0x20 : 0)),
    ...(single ? [] : [Buffer.of(random.pick([0x38, 0x40, 0x50, 0x58]))]),
    size.subarray(0, [single ? 1 : 0, 2, 4, 8][content]),
    ...blocks.map((piece, i) => zstdBlock(piece, i === blocks.length - 1))
  ])
}

const skippable = (random: Prng): Buffer => {
  const body = random.bytes(random.below(60))
  const header = Buffer.alloc(8)
  header.writeUInt32LE(0x184d2a50 + random.below(16), 0)
  header.writeUInt32LE(random.chance(0.9) ? body.length : random.next(), 4)
  return Buffer.concat([header, body])
}

/** `intact` where whatever decoder must give the archive back. */
export interface Blob {
  readonly bytes: Buffer
  readonly mediaType: string
  readonly intact: boolean
}

const compressed = (archive: Buffer, random: Prng): { readonly suffix: string; readonly bytes: Buffer } => {
  switch (random.below(8)) {
    case 0:
      return { suffix: "+gzip", bytes: gzipSync(archive, { level: random.below(10) }) }
    case 1:
    case 2: {
      const members = pieces(archive, random, 4).map((piece) => member(piece, random))
      return { suffix: "+gzip", bytes: Buffer.concat([...members, Buffer.alloc(random.chance(0.3) ? 100 : 0)]) }
    }
    case 3:
    case 4: {
      const frames = pieces(archive, random, 4).flatMap((piece) => [
        ...(random.chance(0.3) ? [skippable(random)] : []),
        zstdFrame(piece, random)
      ])
      return { suffix: "+zstd", bytes: Buffer.concat(frames) }
    }
    default:
      return { suffix: "", bytes: archive }
  }
}

const damaged = (bytes: Buffer, random: Prng): Buffer => {
  const copy = Buffer.from(bytes)
  const near = Math.min(copy.length, 64)
  switch (random.below(6)) {
    case 0:
      for (let i = 1 + random.below(4); i > 0; i--) copy[random.below(copy.length)] = random.next() & 0xff
      return copy
    case 1:
      for (let i = 1 + random.below(3); i > 0; i--) copy[random.below(near)] = random.next() & 0xff
      return copy
    case 2:
      return copy.subarray(0, random.below(copy.length))
    case 3:
      return Buffer.concat([copy, random.bytes(random.below(40))])
    case 4:
      return Buffer.concat([copy, copy])
    default: {
      const at = random.below(copy.length)
      return Buffer.concat([copy.subarray(0, at), copy.subarray(at + 1 + random.below(20))])
    }
  }
}

export const blobOf = (archive: Buffer, random: Prng): Blob => {
  const { suffix, bytes } = compressed(archive, random)
  const hurt = suffix !== "" && bytes.length > 0 && random.chance(0.35)
  return {
    bytes: hurt ? damaged(bytes, random) : bytes,
    mediaType: `application/vnd.oci.image.layer.v1.tar${random.chance(0.05) ? "" : suffix}`,
    intact: !hurt
  }
}
