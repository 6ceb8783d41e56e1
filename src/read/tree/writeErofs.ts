/**
 * The layout `erofs`: a merged image as one file. Where everything is in it is known from the headers, so that the bytes of
 * files are copied to where they belong from the spools of their layers, several layers at once.
 *
 * The file has the bytes that an export in the format `erofs` has. Its time is 0, so that it has the same fingerprint however often
 * it is made.
 */
import { type FileHandle, open, utimes } from "node:fs/promises"
import { dirname } from "node:path"
import { setImmediate as turn } from "node:timers/promises"
import * as Effect from "effect/Effect"
import { codeOf } from "../../api/codeOf.ts"
import { FileSystemFailed, isReason, type Reason } from "../../api/errors.ts"
import { writeFrame } from "../../erofs/erofsImage.ts"
import type { Chunk } from "../../erofs/ImageOutput.ts"
import type { ErofsPlan } from "../../erofs/planErofs.ts"
import { setMode } from "../../fs/directories.ts"
import { syscall } from "../../fs/syscall.ts"
import { ownMode, syncDirectory, syncFile } from "../../fs/writeAtomic.ts"
import { blockBytes } from "../../layer/erofs/format.ts"
import { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import { drain } from "../../reactive/bridge.ts"
import type { DiskImagePlan } from "./planDiskImage.ts"
import { untilSettled } from "./source/fromPromise.ts"
import { copiesOf } from "./spoolCopies.ts"

/** Copies at once, and the bytes for each: fewer are not worth another thread. Workers have their own limit. */
const copiesAtOnce = { most: 8, bytes: 2 ** 27 }
/** Writes of metadata at once. Most are of a block or two, and wait for what workers write to the same file. */
const writesAtOnce = 32

const writeAll = async (handle: FileHandle, { bytes, position }: Chunk): Promise<void> => {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

const opened = async (file: string, flags: string, use: (handle: FileHandle) => Promise<void>): Promise<void> => {
  let handle: FileHandle | undefined
  try {
    handle = await open(file, flags, ownMode)
    await use(handle)
  } catch (error) {
    const code = codeOf(error)
    throw code === "" ? error : new FileSystemFailed({ operation: "write", path: file, code })
  } finally {
    await handle?.close()
  }
}

/** Zeros, where all else is written. Whom the store lets in may read it and nobody may change it, whatever the umask is. */
const makeFile = (file: string, size: number) =>
  untilSettled(async () => {
    await setMode(dirname(file), 0o755)
    await opened(file, "wx", async (handle) => {
      // A file system without modes refuses.
      await handle.chmod(ownMode).catch(() => undefined)
      await handle.truncate(size)
    })
  })

const writeMetadata = (file: string, erofs: ErofsPlan) =>
  untilSettled((signal) =>
    opened(file, "r+", async (handle) => {
      const some: Array<Chunk> = []
      const flush = () => Promise.all(some.splice(0).map((chunk) => writeAll(handle, chunk)))
      for await (const chunk of writeFrame(erofs, signal)) {
        if (some.push(chunk) < writesAtOnce) continue
        await flush()
        signal.throwIfAborted()
      }
      await flush()
    })
  )

/** `file` must not be there; its directory must. */
export const writeErofs = Effect.fnUntraced(function* (
  { digest, erofs, bytes, pieces }: DiskImagePlan,
  file: string
): Effect.fn.Return<void, Reason, ExtractionPool> {
  const pool = yield* ExtractionPool
  yield* makeFile(file, erofs.size)
  const copies = copiesOf(pieces)
  const copySome = Effect.gen(function* () {
    // Of all that are at this at once, each takes the next.
    for (let next = copies.next(); next.done !== true; next = copies.next()) {
      const { spool, pieces, over } = next.value
      const { path } = spool
      yield* drain(isReason)(
        pool.copyRanges$({ digest, from: path, into: file, ranges: pieces.ranges, block: blockBytes })
      )
      const length = over()
      // The worker that has done it is free in the next turn. Until then the pool would start another one.
      yield* length === undefined
        ? Effect.promise(() => turn())
        : syscall("truncate", path, () => spool.shorten(length))
    }
  })
  const length = Math.min(Math.ceil(bytes / copiesAtOnce.bytes), copiesAtOnce.most)
  const all = [writeMetadata(file, erofs), ...Array.from({ length }, () => copySome)]
  yield* Effect.all(all, { concurrency: "unbounded", discard: true })
  yield* syscall("utimes", file, () => utimes(file, 0, 0))
  if (!pool.lasting) return
  yield* syncFile(file)
  yield* syncDirectory(dirname(file))
})
