import type * as Effect from "effect/Effect"
import type { ArtifactOptions, Watching } from "../../api/config.ts"
import type { PullError } from "../../api/errors.ts"
import type { Emit } from "../../api/events.ts"
import type { Artifact, FileInMemory, WrittenFile } from "../../api/results/Artifact.ts"

/** `artifact` of a client: with `into` the files are written, without it they are in memory. */
export interface ArtifactFunction {
  (reference: string, options: ArtifactOptions & Watching & { readonly into: string }): Promise<Artifact<WrittenFile>>
  (reference: string, options?: Omit<ArtifactOptions, "into" | "unpack"> & Watching): Promise<Artifact<FileInMemory>>
}

/** The same of a `Puller`. */
export interface ArtifactEffect {
  (
    reference: string,
    options: ArtifactOptions & Watching & { readonly into: string },
    emit?: Emit
  ): Effect.Effect<Artifact<WrittenFile>, PullError>
  (
    reference: string,
    options?: Omit<ArtifactOptions, "into" | "unpack"> & Watching,
    emit?: Emit
  ): Effect.Effect<Artifact<FileInMemory>, PullError>
}
