/**
 * The layout `erofs`: a merged image as one file. Where everything is in it is known from the headers, so that the bytes of
 * files are copied to where they belong from the spools of their layers, several layers at once.
 *
 * The file has the bytes that an export in the format `erofs` has. Its time is 0, so that it has the same fingerprint however often
 * it is made.
 */
import { type FileHandle, open, utimes } from "node:fs/promises"
import { dirname } from "node:path"
import * as Effect from "effect/Effect"
import { codeOf } from "../../api/codeOf.ts"
import { FileSystemFailed, isReason, type Reason } from "../../api/errors.ts"
import type { Emit } from "../../api/events.ts"
import { ErofsTree } from "../../erofs/ErofsTree.ts"
import { positionOf, writeFrame } from "../../erofs/erofsImage.ts"
import { type ErofsPlan, planErofs } from "../../erofs/planErofs.ts"
import { Turns } from "../../erofs/Turns.ts"
import { warnOfAttributes } from "../../erofs/warnOfAttributes.ts"
import { syscall } from "../../fs/syscall.ts"
import { syncDirectory, syncFile } from "../../fs/writeAtomic.ts"
import { blockBytes } from "../../layer/erofs/format.ts"
import { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import { PullEvents } from "../../pull/events/PullEvents.ts"
import { drain } from "../../reactive/bridge.ts"
import type { Plan } from "./plan/Plan.ts"
import { fromPromise, untilSettled } from "./source/fromPromise.ts"
import type { LayerSpool } from "./source/LayerSpool.ts"
import type { MergedImage } from "./source/mergeImage.ts"
import { stepsOf } from "./source/orderedCursor.ts"

/** Layers whose bodies are copied at once; workers have their own limit. */
const atOnce = 8

interface PlannedImage {
  readonly erofs: ErofsPlan
  /** By inode of the merged tree. */
  readonly inodes: Uint32Array
}

const planInodes = async (plan: Plan, identity: string, emit: Emit, signal: AbortSignal): Promise<PlannedImage> => {
  const tree = new ErofsTree(warnOfAttributes(emit))
  const turns = new Turns()
  const inodes = new Uint32Array(plan.tree.facts.length)
  for (const { header, file } of stepsOf(plan)) {
    tree.add(header)
    // The directories above it are there, so that the last inode is its own.
    if (file !== undefined) inodes[plan.tree.inodeOf(file)] = tree.inodes.length - 1
    const turn = turns.take()
    if (turn !== undefined) await turn
    signal.throwIfAborted()
  }
  return { erofs: await planErofs(tree, turns, identity), inodes }
}

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

/** Files whose bytes are copied by one message. */
const filesAtOnce = 16_384

/** What of a spool goes where: three numbers for each piece, as `copyRanges$` takes them. Its files are in the order of their layer. */
const rangesOf = function* ({ tree }: Plan, files: Uint32Array, { erofs, inodes }: PlannedImage) {
  for (let from = 0; from < files.length; from += filesAtOnce) {
    const ranges: Array<number> = []
    for (const node of files.subarray(from, from + filesAtOnce)) {
      const inode = tree.inodeOf(node)
      const position = positionOf(erofs, inodes[inode] ?? 0)
      let at = tree.facts.bodyAt(inode)
      for (const { offset, length } of tree.facts.sparse(inode) ?? [{ offset: 0, length: tree.sizeOf(node) }]) {
        ranges.push(at, length, position + offset)
        at += length
      }
    }
    yield Float64Array.from(ranges)
  }
}

/** `file` must not be there; its directory must. `digest`: the manifest's. */
export const writeErofs = Effect.fnUntraced(function* (
  plan: Plan,
  { spools }: MergedImage,
  digest: string,
  file: string
): Effect.fn.Return<void, Reason, ExtractionPool> {
  const pool = yield* ExtractionPool
  const emit = yield* PullEvents
  const planned = yield* fromPromise((signal) => planInodes(plan, digest, emit, signal))
  yield* untilSettled((signal) => writeMetadata(planned.erofs, file, signal))
  const copy = (spool: LayerSpool, files: Uint32Array) =>
    Effect.forEach(
      rangesOf(plan, files, planned),
      (ranges) =>
        drain(isReason)(pool.copyRanges$({ digest, from: spool.path, into: file, ranges, block: blockBytes })),
      { discard: true }
    )
  yield* Effect.forEach(
    plan.files(),
    ([layer, files]) => {
      const spool = spools.get(layer)
      return spool === undefined
        ? Effect.die(new Error(`the bodies of layer ${layer} were not kept`))
        : copy(spool, files)
    },
    { concurrency: atOnce, discard: true }
  )
  yield* syscall("utimes", file, () => utimes(file, 0, 0))
  if (!pool.lasting) return
  yield* syncFile(file)
  yield* syncDirectory(dirname(file))
})
