/**
 * The bytes of a blob that have arrived, kept in `<root>/partial/<digest>`, so that a later pull, in any process, can
 * continue an interrupted one. They are not verified: their reader hashes them, and discards them if the hash is wrong.
 * That covers holes left by a power cut, too.
 */

import { createHash } from "node:crypto"
import { constants } from "node:fs"
import { copyFile, rename, unlink } from "node:fs/promises"
import { dirname } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { catchError, concat, defer, EMPTY, ignoreElements, type Observable, throwError } from "rxjs"
import { codeOf } from "../../api/codeOf.ts"
import type { FileSystemFailed } from "../../api/errors.ts"
import { makeDirectory } from "../../fs/directories.ts"
import { fileRange$ } from "../../fs/fileRange.ts"
import { isOwnedByUs, notRegular, type Opened, openRegular } from "../../fs/openRegular.ts"
import { syscall } from "../../fs/syscall.ts"
import { syncHandle, syncPath } from "../../fs/writeAtomic.ts"
import type { Gate } from "../../reactive/Gate.ts"
import { type Arrival, failed, keeping$, makeArrival, type Rest } from "./Arrival.ts"
import { Tail } from "./Tail.ts"

export interface PartialBlob {
  /** Number of bytes that are kept. */
  readonly size: () => number
  /** The same with those that wait to be written. */
  readonly received: () => number
  /**
   * The whole blob: the kept bytes, then `rest` from `offset` on, which is kept as it arrives. Both must honour their
   * gate; that of `rest` is closed while more than `highWater` bytes wait to be written.
   */
  readonly bytes$: (gate: Gate, rest: Rest) => Observable<Uint8Array>
  /** The same for a reader that may have to wait, while the download goes on. */
  readonly arrival: (rest: Rest) => Arrival
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

/** Moves a file by rename. To another file system, it copies it beside the target, and renames the copy. */
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
    const bytes$: PartialBlob["bytes$"] = (gate, rest) =>
      concat(
        // Writes of an earlier subscription may be pending.
        defer(tail.flush).pipe(
          ignoreElements(),
          catchError((error) => throwError(() => failed("write", path)(error)))
        ),
        defer(() => fileRange$(file, [0, tail.size], gate, failed("read", path))),
        defer(() => (tail.size < size ? keeping$({ tail, path }, gate, rest) : []))
      )
    return {
      size: () => tail.size,
      received: () => tail.size + tail.pending,
      bytes$,
      arrival: (rest) => {
        const ahead = makeArrival({ tail, file, path, size }, rest)
        return { ahead$: ahead.ahead$, bytes$: (gate) => defer(() => ahead.joined$(gate) ?? bytes$(gate, rest)) }
      },
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
      received: () => size,
      bytes$: (gate) => fileRange$(file, [0, size], gate, failed("read", path)),
      arrival: () => ({ ahead$: EMPTY, bytes$: (gate) => fileRange$(file, [0, size], gate, failed("read", path)) }),
      moveTo: () => Effect.succeed(false),
      copyTo: (to) =>
        syscall("copy", to, () =>
          copyFile(path, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE).then(() => true)
        ),
      discard: Effect.void
    }))
  )
