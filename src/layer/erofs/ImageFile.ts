/** The file of an image, of which some blocks are kept. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs"
import { blockBytes } from "./format.ts"

/** Blocks that are kept. */
const mostKept = 16

const { O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY } = constants

export class ImageFile {
  readonly #path: string
  readonly #fd: number
  readonly #size: number
  /** The latest is last. */
  readonly #blocks = new Map<number, Buffer>()

  /** `path`: absolute. Throws the system's error. */
  constructor(path: string) {
    this.#path = path
    this.#fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    this.#size = fstatSync(this.#fd).size
  }

  /** Bytes. */
  get size(): number {
    return this.#size
  }

  /** What no image of this library has: the system's error `EUCLEAN`, as in the kernel. */
  damaged(): Error {
    return Object.assign(new Error("the disk image is damaged"), { code: "EUCLEAN", syscall: "read", path: this.#path })
  }

  /** The bytes from `at` on, all of them or an error. A view of a block that is kept, where they are in one. */
  read(at: number, length: number): Buffer {
    if (!(at >= 0 && length >= 0 && at + length <= this.#size)) throw this.damaged()
    const first = Math.floor(at / blockBytes)
    const from = at - first * blockBytes
    if (from + length <= blockBytes) return this.#block(first).subarray(from, from + length)
    const whole = Buffer.alloc(length)
    if (this.readInto(whole, length, at) !== length) throw this.damaged()
    return whole
  }

  /** Reads as many bytes as there are, `length` at most. Returns their number. */
  readInto(buffer: Buffer, length: number, at: number): number {
    return readSync(this.#fd, buffer, 0, length, at)
  }

  close(): void {
    closeSync(this.#fd)
  }

  #block(index: number): Buffer {
    const known = this.#blocks.get(index)
    if (known !== undefined) return known
    const block = Buffer.alloc(blockBytes)
    if (this.readInto(block, blockBytes, index * blockBytes) !== blockBytes) throw this.damaged()
    const [oldest] = this.#blocks.keys()
    if (this.#blocks.size >= mostKept && oldest !== undefined) this.#blocks.delete(oldest)
    this.#blocks.set(index, block)
    return block
  }
}
