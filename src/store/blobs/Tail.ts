/** The end of a partial blob, where bytes are appended. */
import type { FileHandle } from "node:fs/promises"
import { codeOf } from "../../api/codeOf.ts"
import { ByteQueue } from "../../reactive/ByteQueue.ts"

/** Bytes waiting to be written. While there are more, the download pauses. */
export const highWater = 2 ** 18
/** Bytes gathered for one write, which is a round trip to a thread. A killed process loses them. */
const gathered = 2 ** 17
/** Milliseconds after which fewer bytes are written too, since a source may fall silent. */
const patience = 100

/** A pull does not stop because there is no room to keep bytes: the layer itself may still fit. */
const noRoom = ["ENOSPC", "EDQUOT", "EFBIG"]

/** Appends to the file, one write after the other. After a failure, nothing more is written. */
export class Tail {
  size: number
  /** Bytes that are not written yet. */
  pending = 0
  readonly #waiting = new ByteQueue()
  #timer: NodeJS.Timeout | undefined
  #full = false
  #broken = false
  #last: Promise<void> = Promise.resolve()
  readonly #file: FileHandle
  constructor(file: FileHandle, size: number) {
    this.#file = file
    this.size = size
  }
  /** The disk is full: nothing more is kept. */
  get isFull(): boolean {
    return this.#full
  }
  /** A write failed for another reason than that: each flush fails with it. */
  get isBroken(): boolean {
    return this.#broken
  }
  /** Adds the chunk to the next write. The next flush reports a failure. */
  readonly append = (chunk: Uint8Array): void => {
    this.pending += chunk.length
    this.#waiting.push(chunk)
    const flush = () => void this.flush().catch(() => undefined)
    if (this.#waiting.bytes >= gathered) flush()
    else this.#timer ??= setTimeout(flush, patience)
  }
  /** Writes what waits; resolves when all is written. */
  readonly flush = (): Promise<void> => {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const { bytes } = this.#waiting
    if (bytes === 0) return this.#last
    const chunks = this.#waiting.take()
    this.#last = this.#last.then(
      () => this.#write(chunks, bytes),
      (error) => {
        this.pending -= bytes
        throw error
      }
    )
    return this.#last
  }
  readonly clear = async (): Promise<void> => {
    await this.flush().catch(() => undefined)
    await this.#file.truncate(0)
    this.size = 0
    this.#full = false
    this.#broken = false
    this.#last = Promise.resolve()
  }
  readonly #write = async (chunks: ReadonlyArray<Uint8Array>, bytes: number): Promise<void> => {
    try {
      if (this.#full) return
      await this.#append(chunks, bytes)
      this.size += bytes
    } catch (error) {
      // Removes what the failed write left, which would shift everything after it.
      await this.#file.truncate(this.size).catch(() => undefined)
      if (!noRoom.includes(codeOf(error))) {
        this.#broken = true
        throw error
      }
      // Nothing more is kept: a later, smaller chunk might fit, and would leave a gap before it.
      this.#full = true
    } finally {
      this.pending -= bytes
    }
  }
  /** A write can be short, at a limit or when space runs out. The next one then fails with the reason. */
  readonly #append = async (chunks: ReadonlyArray<Uint8Array>, bytes: number): Promise<void> => {
    const { bytesWritten } = await this.#file.writev(chunks)
    if (bytesWritten < bytes) await this.#file.appendFile(Buffer.concat(chunks).subarray(bytesWritten))
  }
}
