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
import type { ErofsPlan } from "../../erofs/planErofs.ts"
import { syscall } from "../../fs/syscall.ts"
import { syncDirectory, syncFile } from "../../fs/writeAtomic.ts"
import { blockBytes } from "../../layer/erofs/format.ts"
import { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import { drain } from "../../reactive/bridge.ts"
import type { DiskImagePlan } from "./planDiskImage.ts"
import { untilSettled } from "./source/fromPromise.ts"

/** Layers whose bodies are copied at once; workers have their own limit. */
const atOnce = 8

const writeAll = async (handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> => {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

const writeMetadata = async (erofs: ErofsPlan, file: string, signal: AbortSignal): Promise<void> => {
  let handle: FileHandle | undefined
  try {
    handle = await open(file, "wx")
    await handle.truncate(erofs.size)
    for await (const { position, bytes } of writeFrame(erofs)) {
      await writeAll(handle, bytes, position)
      signal.throwIfAborted()
    }
  } catch (error) {
    const code = codeOf(error)
    throw code === "" ? error : new FileSystemFailed({ operation: "write", path: file, code })
  } finally {
    await handle?.close()
  }
}

/** One message after the other: what a message has is copied. */
const copyFrom = Effect.fnUntraced(function* (from: string, into: string, all: Iterable<Float64Array>, digest: string) {
  const pool = yield* ExtractionPool
  for (const ranges of all) {
    yield* drain(isReason)(pool.copyRanges$({ digest, from, into, ranges, block: blockBytes }))
    // The worker that has done it is free in the next turn. Until then the pool would start another one.
    yield* Effect.promise(() => turn())
  }
})

/** `file` must not be there; its directory must. */
export const writeErofs = Effect.fnUntraced(function* (
  { digest, erofs, ranges }: DiskImagePlan,
  file: string
): Effect.fn.Return<void, Reason, ExtractionPool> {
  const pool = yield* ExtractionPool
  yield* untilSettled((signal) => writeMetadata(erofs, file, signal))
  yield* Effect.forEach(ranges, ([{ path }, pieces]) => copyFrom(path, file, pieces, digest), {
    concurrency: atOnce,
    discard: true
  })
  yield* syscall("utimes", file, () => utimes(file, 0, 0))
  if (!pool.lasting) return
  yield* syncFile(file)
  yield* syncDirectory(dirname(file))
})
