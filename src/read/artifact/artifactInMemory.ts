/** An artifact's files in memory: for small ones, and for programs without a store. */
import * as Effect from "effect/Effect"
import type { ArtifactOptions, Limits } from "../../api/config.ts"
import { isReason, LimitExceeded, type Reason } from "../../api/errors.ts"
import type { Emit } from "../../api/events.ts"
import type { Artifact, FileInMemory } from "../../api/results/Artifact.ts"
import { parseDigest } from "../../image/reference/Digest.ts"
import { drain, type Lift } from "../../reactive/bridge.ts"
import { concatBytes } from "../../reactive/concatBytes.ts"
import { Gate } from "../../reactive/Gate.ts"
import type { Signatures } from "../../signatures/Signatures.ts"
import { readBlob } from "../blob/readBlob.ts"
import { aboutFiles } from "./aboutFiles.ts"
import { type ArtifactSource, describeFile, openArtifact } from "./artifactOf.ts"
import type { NamedFile } from "./fileNames.ts"
import { inlineData } from "./inlineData.ts"

/** Files that are downloaded at once. */
const atOnce = 3

export const artifactInMemory = Effect.fnUntraced(function* (
  source: ArtifactSource,
  options: ArtifactOptions,
  limits: Limits,
  emit: Emit,
  lift: Lift
): Effect.fn.Return<Artifact<FileInMemory>, Reason, Signatures> {
  const { about, files } = yield* Effect.mapError(openArtifact(source, options, limits, emit), aboutFiles)
  const total = files.reduce((sum, { descriptor }) => sum + descriptor.size, 0)
  if (total > limits.artifactBytes)
    return yield* new LimitExceeded({
      limit: "artifactBytes",
      maximum: limits.artifactBytes,
      unit: "bytes of files",
      subject: about.manifest.digest
    })
  const context = yield* Effect.context<never>()
  const read = Effect.fnUntraced(function* (file: NamedFile) {
    const { descriptor } = file
    const blob = { digest: yield* parseDigest(descriptor.digest), size: descriptor.size, urls: descriptor.urls }
    const inline = yield* inlineData(descriptor)
    const bytes =
      inline ??
      (yield* drain(isReason)(readBlob(source, blob, new Gate(), lift, { emit, context }).pipe(concatBytes))) ??
      new Uint8Array()
    return { ...describeFile(file), bytes }
  })
  return { ...about, files: yield* Effect.forEach(files, read, { concurrency: atOnce }) }
})
