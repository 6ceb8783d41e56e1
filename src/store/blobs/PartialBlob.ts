/**
 * The bytes of a blob that have arrived, kept in `<root>/partial/<digest>` so that a pull that was cut off continues
 * where it stood, in another process too. They are not proven: whoever reads them hashes them, and discards them where
 * the hash is wrong. A power cut may leave holes in them, which comes to the same.
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
import { Gate } from "../../reactive/Gate.ts"
import { Pieces } from "../../reactive/Pieces.ts"

export interface PartialBlob {
  /** Bytes that are kept now. */
  readonly size: () => number
  /**
   * The whole blob: what is kept, then `rest`, which is asked for the bytes from `offset` on and kept as it arrives.
   * Both honour the gate they are given; more than `highWater` bytes that are not yet written close `rest`'s.
   */
  readonly bytes$: (gate: Gate, rest: (gate: Gate, offset: number) => Observable<Uint8Array>) => Observable<Uint8Array>
  /**
   * Gives the whole blob another place, after which nothing is kept here; `false` where not all of it is. `lasting`: its
   * bytes are on the disk before it has the name.
   */
  readonly moveTo: (path: string, how: { readonly lasting: boolean }) => Effect.Effect<boolean, FileSystemFailed>
  /** Forgets what is kept: it was published, or is not what its name says. */
  readonly discard: Effect.Effect<void, FileSystemFailed>
}

/** Bytes in memory on their way to the disk: a download waits while there are more. */
const highWater = 2 ** 18
/** Bytes that are gathered for one write: what a killed process had and did not keep. Each write is a trip to a thread. */
const gathered = 2 ** 17
/** Milliseconds that they wait for more at most: a source may fall silent. */
const patience = 100

const failed = (operation: string, path: string) => (error: unknown) =>
  new FileSystemFailed({ operation, path, code: codeOf(error) })

/** No room for them is no reason to stop: what arrives is extracted all the same, as long as there is room for that. */
const noRoom = ["ENOSPC", "EDQUOT", "EFBIG"]

/** One write after the other, in the order of asking. After a failure nothing more is written. */
class Tail {
  size: number
  /** Bytes that are not written yet. */
  pending = 0
  readonly #waiting = new Pieces()
  #timer: NodeJS.Timeout | undefined
  #full = false
  #last: Promise<void> = Promise.resolve()
  readonly #file: FileHandle
  constructor(file: FileHandle, size: number) {
    this.#file = file
    this.size = size
  }
  /** The chunk is kept with the next write. A failure is told by the next flush. */
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
      // What was written of it would shift all that follows.
      await this.#file.truncate(this.size).catch(() => undefined)
      if (!noRoom.includes(codeOf(error))) throw error
      // A gap must not follow: the next chunk might fit.
      this.#full = true
    } finally {
      this.pending -= bytes
    }
  }
  /** A write may end early: by a limit, or where room ends, and the next one tells why. */
  readonly #append = async (chunks: ReadonlyArray<Uint8Array>, bytes: number): Promise<void> => {
    const { bytesWritten } = await this.#file.writev(chunks)
    if (bytesWritten < bytes) await this.#file.appendFile(Buffer.concat(chunks).subarray(bytesWritten))
  }
}

/** `rest`, each chunk passed on at once and kept meanwhile; it ends when all of it is written. */
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
          // Whoever shuts the gate waits for what opens it.
          if (tail.pending > highWater) tail.flush().then(balance, fail)
          subscriber.next(chunk)
        },
        error: (error) => tail.flush().then(() => subscriber.error(error), fail),
        complete: () => tail.flush().then(() => subscriber.complete(), fail)
      })
    )
  })

/** By rename, or beside its place and then by rename where that is on another file system. */
const move = async (from: string, to: string, lasting: boolean): Promise<void> => {
  try {
    await rename(from, to)
  } catch (error) {
    if (codeOf(error) !== "EXDEV") throw error
    // The same name each time, and no other store's: whoever died at this left what is written over.
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

/** A link, a FIFO, or a file that has another name as well or another owner, is not ours to write to: it goes. */
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

/** Whoever opens it holds the digest's lock. `size`: the blob's bytes; a file that is longer is not believed. */
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
          // A subscription before this one may have left writes behind.
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
      // Somebody else's file, once it was moved.
      discard: syscall("truncate", path, async () => {
        if (!moved) await tail.clear()
      })
    }
  })
