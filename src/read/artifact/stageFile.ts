/** Downloads one file of an artifact, verified, into a staged tree: it shares the blob with others that want it at the time. */
import { createHash } from "node:crypto"
import { constants } from "node:fs"
import { writeFile } from "node:fs/promises"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { defer } from "rxjs"
import { FileSystemFailed, isReason, type Reason } from "../../api/errors.ts"
import { openRegular } from "../../fs/openRegular.ts"
import { syscall } from "../../fs/syscall.ts"
import { algorithmOf, parseDigest } from "../../image/reference/Digest.ts"
import { isReadable } from "../../layer/compression/archiveTypes.ts"
import { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import { verifyDigest } from "../../layer/verifyDigest.ts"
import { emit, PullEvents } from "../../pull/events/PullEvents.ts"
import { downloadBlob } from "../../pull/layer/fetchBlob.ts"
import { layerArrival, startOf } from "../../pull/layer/layerArrival.ts"
import { refetchOnMismatch } from "../../pull/layer/refetchOnMismatch.ts"
import { waitForLayer } from "../../pull/layer/waitForLayer.ts"
import { drain } from "../../reactive/bridge.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import { Blobs } from "../../store/blobs/Blobs.ts"
import { Locks } from "../../store/locks/Locks.ts"
import type { NamedFile } from "./fileNames.ts"
import { inlineData } from "./inlineData.ts"
import { makeParents } from "./publishTree.ts"

/** Whether a file of an earlier pull is there, byte for byte. */
export const isThere = (path: string, { digest, size }: { readonly digest: string; readonly size: number }) =>
  Effect.promise(async () => {
    try {
      const { file, stats } = await openRegular(path, constants.O_RDONLY)
      try {
        if (stats.size !== size) return false
        const hash = createHash(algorithmOf(digest))
        for await (const chunk of file.createReadStream({ autoClose: false })) hash.update(chunk)
        return `${algorithmOf(digest)}:${hash.digest("hex")}` === digest
      } finally {
        await file.close()
      }
    } catch {
      return false
    }
  })

/** How an artifact's archives are unpacked: as the user who runs the program, and by plain names. */
const extraction = { ownership: "none", statFormat: "seed", layout: "layers", overlayAttributes: "user" } as const

/** If ORAS marked a file as an archive, its media type is not checked. */
const archiveType = (mediaType: string) => (isReadable(mediaType) ? mediaType : "application/x-tar")

export interface StagedFile {
  readonly file: NamedFile
  /** The root of the tree that is being staged. */
  readonly root: string
  /** Its entries are to be written in place of the archive. */
  readonly unpacks: boolean
}

/** The blob is locked against other downloads of it; if that takes too long, it is downloaded beside them. */
const stage = Effect.fnUntraced(function* (
  source: ImageSource,
  { file: { descriptor, names }, root, unpacks }: StagedFile,
  wants: Scope.Closeable
): Effect.fn.Return<void, Reason, Blobs | Locks | ExtractionPool | Scope.Scope> {
  const blobs = yield* Blobs
  const locks = yield* Locks
  const listener = yield* PullEvents
  const context = yield* Effect.context<never>()
  const digest = yield* parseDigest(descriptor.digest)
  const { size, mediaType, urls } = descriptor
  const layer = { digest, diffId: digest, mediaType, size, ...(urls === undefined ? {} : { urls }) }
  if (source.isRemote) yield* Scope.provide(locks.want(digest), wants)
  const waiting = waitForLayer({ layer, place: source.place, isDone: Effect.succeed(false) })
  const isLocked = source.isRemote && (yield* waiting)
  const partial = isLocked ? yield* blobs.partial(layer) : yield* blobs.scratchPartial(layer)
  const download = { source, layer, partial }
  const started = startOf(download, listener)
  if (unpacks) {
    const pool = yield* ExtractionPool
    yield* Effect.addFinalizer(() => pool.settled(root))
    const job = { digest, mediaType: archiveType(mediaType), size, directory: root, extraction }
    const extracting$ = defer(() => {
      const { ahead$, bytes$ } = layerArrival(download, { emit: listener, context, started })
      return pool.extract$(job, bytes$, ahead$)
    })
    yield* drain(isReason)(extracting$).pipe(refetchOnMismatch(download))
  } else {
    const check = verifyDigest("blob", digest, size)
    yield* downloadBlob(download, check, started).pipe(refetchOnMismatch(download))
  }

  const path = unpacks ? root : yield* makeParents(root, names)
  yield* Scope.close(wants, Exit.void)
  let isMoved = unpacks
  const finish = Effect.gen(function* () {
    if (!unpacks) isMoved = yield* partial.moveTo(path, { lasting: false })
    else yield* partial.discard
  })
  yield* isLocked ? locks.unlessWanted(digest, finish) : finish
  // Somebody else wants the blob, and continues with it.
  if (!isMoved) isMoved = yield* partial.copyTo(path)
  if (!isMoved) return yield* new FileSystemFailed({ operation: "write", path, code: "ENOSPC" })
  yield* emit({ _tag: "LayerDone", digest, diffId: digest, path, inflated: size, entries: 1 })
})

export const stageFile = Effect.fnUntraced(function* (
  source: ImageSource,
  staged: StagedFile
): Effect.fn.Return<void, Reason, Blobs | Locks | ExtractionPool> {
  const { file, root, unpacks } = staged
  const inline = unpacks ? undefined : yield* inlineData(file.descriptor)
  if (inline !== undefined) {
    const path = yield* makeParents(root, file.names)
    return yield* syscall("write", path, () => writeFile(path, inline, { flag: "wx" }))
  }
  yield* Effect.scoped(
    Effect.flatMap(Scope.make(), (wants) =>
      Effect.andThen(
        Effect.addFinalizer((exit) => Scope.close(wants, exit)),
        stage(source, staged, wants)
      )
    )
  )
})
