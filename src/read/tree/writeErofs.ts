/**
 * The layout `erofs`: a merged image as one file. Where everything is in it is known from the headers, so that the bytes of
 * files are written where they belong, in the order in which layers have them, several layers at once.
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
import type { Ino } from "../../erofs/format/InodeTable.ts"
import { type ErofsPlan, planErofs } from "../../erofs/planErofs.ts"
import { Turns } from "../../erofs/Turns.ts"
import { warnOfAttributes } from "../../erofs/warnOfAttributes.ts"
import { syscall } from "../../fs/syscall.ts"
import { syncDirectory, syncFile } from "../../fs/writeAtomic.ts"
import { blockBytes } from "../../layer/erofs/format.ts"
import { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import { PullEvents } from "../../pull/events/PullEvents.ts"
import { type LayerDownload, layerBytes$ } from "../../pull/layer/LayerDownload.ts"
import { drain } from "../../reactive/bridge.ts"
import { fromPromise, untilSettled } from "./source/fromPromise.ts"
import type { MergedImage } from "./source/mergeImage.ts"
import { canonicalHeader, stepsOf } from "./source/orderedCursor.ts"
import type { Named, Plan } from "./source/treeCursor.ts"

/** Layers whose bodies are written at once; workers have their own limit. */
const atOnce = 8

interface PlannedImage {
  readonly erofs: ErofsPlan
  readonly inodes: ReadonlyMap<Named, Ino>
}

const planInodes = async (plan: Plan, identity: string, emit: Emit, signal: AbortSignal): Promise<PlannedImage> => {
  const tree = new ErofsTree(warnOfAttributes(emit))
  const turns = new Turns()
  const inodes = new Map<Named, Ino>()
  for (const { header, file } of stepsOf(plan)) {
    tree.add(canonicalHeader(header))
    // The directories above it are there, so that the last inode is its own.
    if (file !== undefined) inodes.set(file, tree.inodes.length - 1)
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

/** By layer, then by the number of the entry in its archive. */
const positionsOf = ({ files }: Plan, { erofs, inodes }: PlannedImage) =>
  [...files].map(([layer, wanted]) => {
    const rising = [...wanted].toSorted(([a], [b]) => a - b)
    const positions = rising.map(([ordinal, named]) => [ordinal, positionOf(erofs, inodes.get(named) ?? 0)] as const)
    return { layer, positions: new Map(positions) }
  })

/** `file` must not be there; its directory must. `digest`: the manifest's. */
export const writeErofs = Effect.fnUntraced(function* (
  plan: Plan,
  { layers }: MergedImage,
  digest: string,
  file: string
): Effect.fn.Return<void, Reason, ExtractionPool> {
  const pool = yield* ExtractionPool
  const emit = yield* PullEvents
  const context = yield* Effect.context<never>()
  const planned = yield* fromPromise((signal) => planInodes(plan, digest, emit, signal))
  yield* untilSettled((signal) => writeMetadata(planned.erofs, file, signal))
  const write = (download: LayerDownload, positions: ReadonlyMap<number, number>) =>
    drain(isReason)(
      pool.writeBodies$({ ...download.layer, file, positions, block: blockBytes }, (gate) =>
        layerBytes$(download, gate, emit, context)
      )
    )
  yield* Effect.forEach(
    positionsOf(plan, planned),
    ({ layer, positions }) => {
      const download = layers.get(layer)
      return download === undefined
        ? Effect.die(new Error(`layer ${layer} was not read`))
        : Effect.asVoid(write(download, positions))
    },
    { concurrency: atOnce, discard: true }
  )
  yield* syscall("utimes", file, () => utimes(file, 0, 0))
  if (!pool.lasting) return
  yield* syncFile(file)
  yield* syncDirectory(dirname(file))
})
