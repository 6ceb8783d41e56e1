/**
 * The bytes of a blob that have arrived, kept in `<root>/partial/<digest>`, so that a later pull, in any process, can
 * continue an interrupted one. They are not verified: their reader hashes them, and discards them if the hash is wrong.
 * That covers holes left by a power cut, too.
 */

import { createHash } from "node:crypto"
import { constants } from "node:fs"
import { copyFile, type FileHandle, rename, unlink } from "node:fs/promises"
import { dirname } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { catchError, concat, defer, ignoreElements, Observable, throwError } from "rxjs"
import { codeOf } from "../../api/codeOf.ts"
import { FileSystemFailed } from "../../api/errors.ts"
import { makeDirectory } from "../../fs/directories.ts"
import { fileRange$ } from "../../fs/fileRange.ts"
import { isOwnedByUs, notRegular, type Opened, openRegular } from "../../fs/openRegular.ts"
import { syscall } from "../../fs/syscall.ts"
import { syncHandle, syncPath } from "../../fs/writeAtomic.ts"
import { ByteQueue } from "../../reactive/ByteQueue.ts"
import { Gate } from "../../reactive/Gate.ts"

export interface PartialBlob {
  /** Number of bytes that are kept. */
  readonly size: () => number
  /**
   * The whole blob: the kept bytes, then `rest` from `offset` on, which is kept as it arrives. Both must honour their
   * gate; that of `rest` is closed while more than `highWater` bytes wait to be written.
   */
  readonly bytes$: (gate: Gate, rest: (gate: Gate, offset: number) => Observable<Uint8Array>) => Observable<Uint8Array>
  /**
   * Moves the whole blob to `path`; `false` if bytes are missing. `lasting`: they are synced before the file gets its
   * name.
   */
  readonly moveTo: (path: string, how: { readonly lasting: boolean }) => Effect.Effect<boolean, FileSystemFailed>
  /** Copies the whole blob to `path`, which must not exist; `false` if bytes are missing. */
  readonly copyTo: (path: string) => Effect.Effect<boolean, FileSystemFailed>
  /** Discards the bytes: the layer has been published, or they are wrong. */
  readonly discard: Effect.Effect<void, FileSystemFailed>
}

/** Bytes waiting to be written. While there are more, the download pauses. */
const highWater = 2 ** 18
/** Bytes gathered for one write, which is a round trip to a thread. A killed process loses them. */
const gathered = 2 ** 17
/** Milliseconds after which fewer bytes are written too, since a source may fall silent. */
const patience = 100

const failed = (operation: string, path: string) => (error: unknown) =>
  new FileSystemFailed({ operation, path, code: codeOf(error) })

/** A pull does not stop because there is no room to keep bytes: the layer itself may still fit. */
const noRoom = ["ENOSPC", "EDQUOT", "EFBIG"]

/** Appends to the file, one write after the other. After a failure, nothing more is written. */
class Tail {
  size: number
  /** Bytes that are not written yet. */
  pending = 0
  readonly #waiting = new ByteQueue()
  #timer: NodeJS.Timeout | undefined
  #full = false
  #last: Promise<void> = Promise.resolve()
  readonly #file: FileHandle
  constructor(file: FileHandle, size: number) {
    this.#file = file
    this.size = size
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
    this.#last = this.#last.then(() => this.#write(chunks, bytes))
    return this.#last
  }
  readonly clear = async (): Promise<void> => {
    await this.flush().catch(() => undefined)
    await this.#file.truncate(0)
    this.size = 0
    this.#full = false
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
      if (!noRoom.includes(codeOf(error))) throw error
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

/** `rest`: passes each chunk on at once, and writes it meanwhile. Completes when all of it has been written. */
const keeping$ = (
  tail: Tail,
  path: string,
  gate: Gate,
  rest: (gate: Gate, offset: number) => Observable<Uint8Array>
): Observable<Uint8Array> =>
  new Observable((subscriber) => {
    const inner = new Gate()
    const fail = (error: unknown) => subscriber.error(failed("write", path)(error))
    const balance = () => (gate.isOpen && tail.pending <= highWater ? inner.open() : inner.close())
    subscriber.add(gate.open$.subscribe(balance))
    subscriber.add(
      rest(inner, tail.size).subscribe({
        next: (chunk) => {
          tail.append(chunk)
          balance()
          // Opens the gate again when the bytes have been written.
          if (tail.pending > highWater) tail.flush().then(balance, fail)
          subscriber.next(chunk)
        },
        error: (error) => tail.flush().then(() => subscriber.error(error), fail),
        complete: () => tail.flush().then(() => subscriber.complete(), fail)
      })
    )
  })

/** By rename. To another file system: by a copy beside the target, which is then renamed. */
const move = async (from: string, to: string, lasting: boolean): Promise<void> => {
  try {
    await rename(from, to)
  } catch (error) {
    if (codeOf(error) !== "EXDEV") throw error
    // The same name each time, and another one in each store: what a dead process left there is replaced.
    const beside = `${to}.${createHash("sha256").update(from).digest("hex").slice(0, 16)}`
    try {
      await unlink(beside).catch(() => undefined)
      await copyFile(from, beside, constants.COPYFILE_EXCL)
      if (lasting) await syncPath(beside)
      await rename(beside, to)
    } catch (error) {
      await unlink(beside).catch(() => undefined)
      throw error
    }
    await unlink(from)
  }
}

const { O_APPEND, O_CREAT, O_RDWR } = constants

/** Never writes to a link, a FIFO, or a file with another name or owner. It is removed, and a new file created. */
const openOwn = async (path: string, tries = 3): Promise<Opened> => {
  const opened = await openRegular(path, O_RDWR | O_APPEND | O_CREAT).catch((error: unknown) => {
    if (!notRegular.includes(codeOf(error)) || tries === 1) throw error
    return undefined
  })
  if (opened !== undefined && opened.stats.nlink === 1 && isOwnedByUs(opened.stats)) return opened
  await opened?.file.close()
  await unlink(path)
  return openOwn(path, tries - 1)
}

/** The caller must hold the digest's lock. `size`: of the blob; a longer file is discarded. */
export const openPartial = (path: string, size: number): Effect.Effect<PartialBlob, FileSystemFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const { file, tail } = yield* Effect.acquireRelease(
      syscall("open", path, async () => {
        await makeDirectory(dirname(path))
        const { file, stats } = await openOwn(path)
        const tail = new Tail(file, stats.size)
        if (tail.size > size) await tail.clear()
        return { file, tail }
      }),
      ({ file, tail }) =>
        Effect.promise(async () => {
          await tail.flush().catch(() => undefined)
          if (tail.size === 0) await unlink(path).catch(() => undefined)
          await file.close()
        })
    )
    let moved = false
    return {
      size: () => tail.size,
      bytes$: (gate, rest) =>
        concat(
          // Writes of an earlier subscription may be pending.
          defer(tail.flush).pipe(
            ignoreElements(),
            catchError((error) => throwError(() => failed("write", path)(error)))
          ),
          defer(() => fileRange$(file, [0, tail.size], gate, failed("read", path))),
          defer(() => (tail.size < size ? keeping$(tail, path, gate, rest) : []))
        ),
      moveTo: (to, { lasting }) =>
        syscall("rename", to, async () => {
          await tail.flush()
          if (tail.size !== size) return false
          await makeDirectory(dirname(to))
          if (lasting) await syncHandle(file)
          await move(path, to, lasting)
          moved = true
          return true
        }),
      copyTo: (to) =>
        syscall("copy", to, async () => {
          await tail.flush()
          if (tail.size !== size) return false
          await copyFile(path, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
          return true
        }),
      // After a move, the file is no longer ours.
      discard: syscall("truncate", path, async () => {
        if (!moved) await tail.clear()
      })
    }
  })

/** A blob that is whole, for reading. It is not discarded: it is not ours alone. */
export const openWhole = (path: string, size: number): Effect.Effect<PartialBlob, FileSystemFailed, Scope.Scope> =>
  Effect.acquireRelease(
    syscall("open", path, () => openRegular(path, constants.O_RDONLY)),
    ({ file }) => Effect.promise(() => file.close())
  ).pipe(
    Effect.map(({ file }) => ({
      size: () => size,
      bytes$: (gate) => fileRange$(file, [0, size], gate, failed("read", path)),
      moveTo: () => Effect.succeed(false),
      copyTo: (to) =>
        syscall("copy", to, () =>
          copyFile(path, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE).then(() => true)
        ),
      discard: Effect.void
    }))
  )
