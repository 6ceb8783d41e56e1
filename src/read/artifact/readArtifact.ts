/** `artifact`: into a directory, or into memory. */
import * as Effect from "effect/Effect"
import type { ArtifactOptions, Limits } from "../../api/config.ts"
import { InvalidOption } from "../../api/errors.ts"
import type { Artifact, ArtifactFile } from "../../api/results/Artifact.ts"
import { PullEvents } from "../../pull/events/PullEvents.ts"
import { ImageSources } from "../../pull/ImageSources.ts"
import { makeLift } from "../../reactive/bridge.ts"
import { originOf } from "../../source/Origin.ts"
import { aboutFiles } from "./aboutFiles.ts"
import { artifactInMemory } from "./artifactInMemory.ts"
import { writeArtifact } from "./writeArtifact.ts"

export const readArtifact = Effect.fn("ociflow.artifact")(function* (
  reference: string,
  { input, into, ...options }: ArtifactOptions,
  limits: Limits
) {
  if (into === undefined && options.unpack !== undefined)
    return yield* new InvalidOption({ option: "unpack", problem: "needs `into`: archives are not unpacked in memory" })
  const origin = yield* originOf(reference, { input })
  const source = { ...(yield* (yield* ImageSources).open(origin)), origin }
  const read: Artifact<ArtifactFile> =
    into === undefined
      ? yield* artifactInMemory(source, options, limits, yield* PullEvents, yield* makeLift())
      : yield* Effect.mapError(writeArtifact(source, { ...options, into }, limits), aboutFiles)
  return read
}, Effect.scoped)
