/**
 * An artifact's files, written into a directory: each verified in a staging directory within it, all of them then moved
 * to their names. A file that an earlier pull left there, byte for byte, is not downloaded again.
 */
import { createHash } from "node:crypto"
import { lstat, mkdir, rmdir } from "node:fs/promises"
import { join, resolve } from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { ArtifactOptions, Limits } from "../../api/config.ts"
import { type Reason, UnsafeEntry } from "../../api/errors.ts"
import type { Artifact, WrittenFile } from "../../api/results/Artifact.ts"
import { list, makeDirectory } from "../../fs/directories.ts"
import { ifMissing, syscall } from "../../fs/syscall.ts"
import { isTar } from "../../layer/compression/archiveTypes.ts"
import type { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import { emit, PullEvents } from "../../pull/events/PullEvents.ts"
import { SharedWork } from "../../pull/flights/SharedWork.ts"
import type { Signatures } from "../../signatures/Signatures.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import type { Blobs } from "../../store/blobs/Blobs.ts"
import { Directories } from "../../store/directories/Directories.ts"
import { Locks } from "../../store/locks/Locks.ts"
import { removeTree } from "../../store/trees/removeTree.ts"
import { type ArtifactSource, describeFile, openArtifact } from "./artifactOf.ts"
import type { NamedFile } from "./fileNames.ts"
import { hasParents, nameOf, publishTree } from "./publishTree.ts"
import { isThere, stageFile } from "./stageFile.ts"

/** ORAS sets it for a directory that it has packed. */
const unpackKey = "io.deis.oras.content.unpack"
/** Files that are staged at once; a permit bounds the downloads. */
const atOnce = 16

const isMarked = ({ descriptor }: NamedFile) => descriptor.annotations?.[unpackKey] === "true"

/** A directory that ORAS has packed holds its own path, and may hold nothing else. */
const checkRoot = Effect.fnUntraced(function* (root: string, { descriptor, names }: NamedFile) {
  for (const name of yield* list(root))
    if (name !== names[0])
      return yield* new UnsafeEntry({ digest: descriptor.digest, path: name, problem: `it is not beneath ${names[0]}` })
})

export const writeArtifact = Effect.fnUntraced(function* (
  source: ImageSource & ArtifactSource,
  { into, unpack, ...options }: ArtifactOptions & { readonly into: string },
  limits: Limits
): Effect.fn.Return<
  Artifact<WrittenFile>,
  Reason,
  Blobs | Directories | ExtractionPool | Locks | SharedWork | Signatures | Scope.Scope
> {
  const { about, files } = yield* openArtifact(source, options, limits, yield* PullEvents)
  const target = resolve(into)
  const { root } = yield* Directories
  const { lock } = yield* Locks
  const permits = (yield* SharedWork).downloads.forPull()
  const key = createHash("sha256")
    .update(JSON.stringify([root, target]))
    .digest("hex")
    .slice(0, 16)
  // One pull at a time writes into a directory: the next one finds there what this one has published.
  yield* lock(`into-${key}`)
  const isNew = (yield* ifMissing(syscall("lstat", target, () => lstat(target)))) === undefined
  yield* syscall("mkdir", target, () => makeDirectory(target))
  const staging = join(target, `.ociflow-${key}`)
  // What a dead process left there.
  yield* removeTree(staging)
  yield* syscall("mkdir", staging, () => mkdir(staging))
  // If the call fails, a directory that it has made, and put nothing into, goes too.
  yield* Effect.addFinalizer((exit) =>
    Effect.andThen(
      Effect.ignore(removeTree(staging)),
      isNew && Exit.isFailure(exit) ? Effect.ignore(syscall("rmdir", target, () => rmdir(target))) : Effect.void
    )
  )
  const stagedAt = (index: number) => join(staging, String(index))
  const unpacks = (file: NamedFile) =>
    unpack === undefined ? isMarked(file) : unpack && (isMarked(file) || isTar(file.descriptor.mediaType))
  const stage = Effect.fnUntraced(function* (file: NamedFile, index: number) {
    const { digest } = file.descriptor
    const path = join(target, ...file.names)
    if (!unpacks(file) && (yield* hasParents(target, file.names)) && (yield* isThere(path, file.descriptor)))
      return yield* emit({ _tag: "LayerCached", digest, path })
    const root = stagedAt(index)
    yield* syscall("mkdir", root, () => mkdir(root))
    yield* permits.withPermit(stageFile(source, { file, root, unpacks: unpacks(file) }))
    if (unpacks(file) && isMarked(file)) yield* checkRoot(root, file)
  })
  yield* Effect.forEach(files, stage, { concurrency: atOnce, discard: true })
  // A name that leads into the staging directory could put anything in the place of what is staged there.
  for (const [index, { descriptor }] of files.entries()) {
    const name = yield* nameOf(staging, stagedAt(index), target)
    if (name !== undefined)
      return yield* new UnsafeEntry({
        digest: descriptor.digest,
        path: name,
        problem: "it is the directory that the files are staged in"
      })
  }
  for (const index of files.keys()) yield* publishTree(stagedAt(index), target)
  return {
    ...about,
    files: files.map((file) => {
      const unpacked = unpacks(file)
      const path = unpacked && !isMarked(file) ? target : join(target, ...file.names)
      return { ...describeFile(file), path, unpacked }
    })
  }
}, Effect.scoped)
