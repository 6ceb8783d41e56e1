/**
 * The bodies of a layer's files, back to back in the order of its archive, in a temporary file: so that a layer whose headers must all be
 * known before the first body is used is decompressed and verified once.
 */
import { randomUUID } from "node:crypto"
import { constants } from "node:fs"
import { type FileHandle, open, truncate, unlink } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { codeOf } from "../../../api/codeOf.ts"
import { FileSystemFailed } from "../../../api/errors.ts"
import type { BodyReader } from "../../../layer/EntryCursor.ts"
import { ExtractionPool } from "../../../layer/pool/ExtractionPool.ts"
import { SparseBody } from "../../../layer/pool/SparseBody.ts"
import { countRead } from "../../../seams/readBuffers.ts"
import { Staging } from "../../../store/trees/Staging.ts"
import { type Leaf, storedBytes } from "../merge/MergedTree.ts"

/** Bytes of one read: where bodies follow each other, and elsewhere. */
const windowBytes = { following: 2 ** 18, elsewhere: 2 ** 14 }
/** Bodies that are not wanted may be between two that are. */
const mostBetween = 2 ** 16

const noBytes = Buffer.alloc(0)

/** Spools whose files are open, the one that was read longest ago first. An image may have as many layers as a process may open files. */
const opened = new Set<LayerSpool>()
/** Of all images of the process. */
const mostOpen = 32

export class LayerSpool {
  /** Absolute. A worker makes the file. */
  readonly path: string
  #file: Promise<FileHandle> | undefined
  #isClosed = false
  #isReading = false
  #length = Number.POSITIVE_INFINITY
  #shortened = Promise.resolve()
  /** What was read last, and where it begins. */
  #window = noBytes
  #start = 0

  constructor(path: string) {
    this.path = path
  }

  /** Of a file of this layer. One body is read at a time. */
  body(leaf: Leaf): BodyReader {
    const stored = new SparseBody({ size: leaf.facts.size, ...(leaf.sparse && { sparse: leaf.sparse }) })
    let at = leaf.bodyAt
    const end = at + storedBytes(leaf.facts.size, leaf.sparse)
    let pieces: Iterator<Uint8Array> | undefined
    let isWhole = false
    return {
      read: async () => {
        for (;;) {
          const piece = pieces?.next()
          if (piece !== undefined && piece.done !== true) return piece.value
          if (isWhole) return undefined
          if (at < end) {
            const bytes = await this.#read(at, end - at)
            at += bytes.length
            pieces = stored.of(bytes)
          } else {
            isWhole = true
            pieces = stored.end()
          }
        }
      },
      leave: () => {
        isWhole = true
        pieces = undefined
      }
    }
  }

  /**
   * What is behind is not read any more. Memory that holds it is free, and no disk has to write it. Calls follow each other: one that is late
   * would make the file longer again, with zeros.
   */
  shorten(length: number): Promise<void> {
    this.#length = Math.min(this.#length, length)
    this.#shortened = this.#shortened.then(() => truncate(this.path, this.#length))
    return this.#shortened
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#letGo()
    await unlink(this.path).catch(() => undefined)
  }

  /** Closes the file after a read that is running. The next read opens it again. */
  async #letGo(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    opened.delete(this)
    await file?.then((it) => it.close()).catch(() => undefined)
  }

  /** Opens the file if it is closed. If too many are open, closes that of another spool. */
  #open(): Promise<FileHandle> {
    opened.delete(this)
    opened.add(this)
    for (const spool of opened) {
      if (opened.size <= mostOpen) break
      if (!spool.#isReading) void spool.#letGo()
    }
    this.#file ??= open(this.path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)).catch((error) => {
      // There may be a descriptor later.
      this.#file = undefined
      throw error
    })
    return this.#file
  }

  /** At least one byte, `most` at most. */
  async #read(at: number, most: number): Promise<Uint8Array> {
    if (this.#isClosed) throw new DOMException("the entries were closed", "AbortError")
    const known = this.#start + this.#window.length
    if (at < this.#start || at >= known) {
      const { following, elsewhere } = windowBytes
      const follows = at >= known && at < known + mostBetween
      await this.#fill(at, follows ? following : Math.min(Math.max(most, elsewhere), following))
    }
    const from = at - this.#start
    return this.#window.subarray(from, from + most)
  }

  async #fill(at: number, length: number): Promise<void> {
    this.#isReading = true
    try {
      const file = await this.#open()
      // Not the same memory again: pieces of it are handed on.
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, at)
      countRead(length)
      if (bytesRead === 0) throw new FileSystemFailed({ operation: "read", path: this.path, code: "EIO" })
      this.#window = buffer.subarray(0, bytesRead)
      this.#start = at
    } catch (error) {
      const code = codeOf(error)
      throw code === "" ? error : new FileSystemFailed({ operation: "read", path: this.path, code })
    } finally {
      this.#isReading = false
    }
  }
}

/** Its file is removed when the scope closes, and no worker writes to it any more. */
export const makeLayerSpool = Effect.gen(function* () {
  const pool = yield* ExtractionPool
  const directory = yield* (yield* Staging).directory
  return yield* Effect.acquireRelease(
    Effect.sync(() => new LayerSpool(join(directory, randomUUID()))),
    (spool) =>
      Effect.andThen(
        pool.settled(spool.path),
        Effect.promise(() => spool.close())
      )
  )
})
