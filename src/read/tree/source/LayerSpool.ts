/**
 * A temporary file with the bodies of a layer's files, back to back in the order of its archive. All headers of a layer must be known
 * before its first body is used. Thanks to the file, the layer is still decompressed and verified only once.
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
import { countRead } from "../../../seams/v8/collectHeap.ts"
import { Staging } from "../../../store/trees/Staging.ts"
import { type Leaf, storedBytes } from "../merge/MergedTree.ts"

/** Bytes of one read: `following`, if it continues the last one; `elsewhere`, if not. */
const windowBytes = { following: 2 ** 18, elsewhere: 2 ** 14 }
/** A read still counts as following if it skips at most this many bytes, of bodies that are not wanted. */
const mostBetween = 2 ** 16

const noBytes = Buffer.alloc(0)

/** The spools whose files are open, least recently read first. An image may have more layers than a process may open files. */
const opened = new Set<LayerSpool>()
/** The most open files, over all images of the process. */
const mostOpen = 32

export class LayerSpool {
  /** The absolute path of the file. A worker creates it. */
  readonly path: string
  #file: Promise<FileHandle> | undefined
  #isClosed = false
  #isReading = false
  #length = Number.POSITIVE_INFINITY
  #shortened = Promise.resolve()
  /** The bytes that were read last, and where they begin in the file. */
  #window = noBytes
  #start = 0

  constructor(path: string) {
    this.path = path
  }

  /** Reads the body of a file of this layer. Read one body at a time. */
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
   * Cuts the file to this length: what lies behind is not read any more. This frees the page cache, and spares the disk from writing it.
   * Calls run one after the other. A late one would make the file longer again, with zeros.
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

  /** Closes the file, after a running read if there is one. The next read opens it again. */
  async #letGo(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    opened.delete(this)
    await file?.then((it) => it.close()).catch(() => undefined)
  }

  /** Opens the file if it is closed. If too many are open, closes the file of another spool. */
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

  /** Reads at least one byte, and at most `most`. */
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

/** Makes a spool. When the scope closes and no worker writes to the file any more, the file is removed. */
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
