import { extract } from "tar-stream"
import { expect, onTestFinished, test, vi } from "vitest"
import { TarFramer } from "../../src/seams/TarFramer.ts"

const filled = (length: number, byte: number): Buffer => Buffer.alloc(length, byte)

/** Blocks whose first byte is not 0 announce a body of ten times that many bytes. */
const frame = (bytes: Buffer, size: number) => {
  const seen: Array<string> = []
  let body = Buffer.alloc(0)
  const framer = new TarFramer({
    block: (block) => {
      seen.push(`block ${block.length} ${block[0]}`)
      if (block[0] === 0xee) framer.ignoreRest()
      return (block[0] ?? 0) * 10
    },
    body: (part, left) => {
      body = Buffer.concat([body, part])
      if (left === 0) {
        seen.push(`body ${body.length} ${body[0]} ${body[body.length - 1]}`)
        body = Buffer.alloc(0)
      }
    }
  })
  for (let at = 0; at < bytes.length; at += size) {
    const piece = Buffer.from(bytes.subarray(at, at + size))
    framer.write(piece)
    // A view that is kept for longer than the call shows rubbish, as in the ring.
    piece.fill(0xaa)
  }
  return { seen, how: framer.end(), rest: framer.rest.length }
}

const archive = Buffer.concat([
  filled(512, 3),
  filled(30, 7),
  filled(482, 0),
  filled(512, 0),
  filled(512, 100),
  filled(1000, 9),
  filled(24, 0),
  filled(512, 51),
  filled(510, 8),
  filled(2, 0)
])
const all = [
  "block 512 3",
  "body 30 7 7",
  "block 512 0",
  "block 512 100",
  "body 1000 9 9",
  "block 512 51",
  "body 510 8 8"
]

test.each([1, 7, 511, 512, 513, 1024, 65536])("blocks and bodies come whole, from pieces of %i bytes", (size) => {
  expect(frame(archive, size)).toEqual({ seen: all, how: "complete", rest: 0 })
})

test.each([1, 512, 65536])("what is missing at the end is told, in pieces of %i bytes", (size) => {
  expect(frame(archive.subarray(0, -1), size)).toMatchObject({ seen: all, how: "unpadded" })
  expect(frame(archive.subarray(0, -2), size)).toMatchObject({ seen: all, how: "unpadded" })
  expect(frame(archive.subarray(0, -3), size)).toMatchObject({ seen: all.slice(0, -1), how: "cut" })
  expect(frame(archive.subarray(0, 100), size)).toMatchObject({ seen: [], how: "cut", rest: 100 })
  expect(frame(Buffer.alloc(0), size)).toMatchObject({ seen: [], how: "complete" })
})

test.each([1, 512, 65536])("what follows the last block is passed over, in pieces of %i bytes", (size) => {
  const more = Buffer.concat([archive, filled(512, 0xee), filled(700, 5)])
  expect(frame(more, size)).toEqual({ seen: [...all, "block 512 238"], how: "complete", rest: 0 })
})

test("a tar-stream that goes about it in another way is an error, not an empty archive", () => {
  const prototype = Object.getPrototypeOf(extract()) as { _update(): void }
  const update = vi.spyOn(prototype, "_update").mockImplementation(function (this: {
    _buffer: { buffered: number; shift(size: number): void }
  }) {
    this._buffer.shift(this._buffer.buffered)
  })
  onTestFinished(() => update.mockRestore())
  expect(() => frame(archive, 65536)).toThrow("in a way that is not known")
})
