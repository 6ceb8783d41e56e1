/**
 * Blobs on disk: the partial ones of interrupted downloads, and the complete ones that `keepBlobs` keeps in an OCI
 * layout.
 */
import { randomUUID } from "node:crypto"
import { stat } from "node:fs/promises"
import { join, resolve } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Reason } from "../../api/errors.ts"
import { ifMissing, removeFile, syscall } from "../../fs/syscall.ts"
import type { Digest } from "../../image/reference/Digest.ts"
import { Directories } from "../directories/Directories.ts"
import { Staging } from "../trees/Staging.ts"
import type { ReclaimedBlob } from "../UpkeepResults.ts"
import { type BlobLayout, type BlobLayoutOptions, makeBlobLayout } from "./BlobLayout.ts"
import { openPartial, type PartialBlob } from "./PartialBlob.ts"

export interface BlobOptions extends BlobLayoutOptions {
  /** An OCI layout where the blobs of what is pulled are kept. */
  readonly keepBlobs?: string | undefined
}

export class Blobs extends Context.Service<
  Blobs,
  {
    /** Where blobs are kept, if they are. */
    readonly layout: BlobLayout | undefined
    /** The partial blob of an earlier download. The caller must hold the digest's lock. `size`: of the whole blob. */
    readonly partial: (blob: {
      readonly digest: Digest
      readonly size: number
    }) => Effect.Effect<PartialBlob, Reason, Scope.Scope>
    /** A temporary partial blob, for a caller without the digest's lock. */
    readonly scratchPartial: (blob: { readonly size: number }) => Effect.Effect<PartialBlob, Reason, Scope.Scope>
    /**
     * Removes the partial blob of a published layer, left by a process that died. The caller must hold the digest's
     * lock.
     */
    readonly removePartial: (digest: Digest) => Effect.Effect<void, Reason>
    /** The interrupted downloads among these blobs, with the number of bytes that are kept. */
    readonly partialsOf: (digests: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<ReclaimedBlob>, Reason>
  }
>()("ociflow/store/Blobs") {
  static layer({ keepBlobs, ...options }: BlobOptions): Layer.Layer<Blobs, never, Directories | Staging> {
    return Layer.effect(
      Blobs,
      Effect.gen(function* () {
        const { make, partialPath } = yield* Directories
        const { directory: staging } = yield* Staging
        const sizeOf = (digest: string) => {
          const path = partialPath(digest)
          return Effect.map(ifMissing(syscall("stat", path, () => stat(path))), (found) => ({
            digest,
            bytes: found?.size ?? 0
          }))
        }
        return Blobs.of({
          layout: keepBlobs === undefined ? undefined : makeBlobLayout(resolve(keepBlobs), options),
          partial: ({ digest, size }) => Effect.andThen(make, openPartial(partialPath(digest), size)),
          scratchPartial: Effect.fnUntraced(function* ({ size }) {
            const path = join(yield* staging, randomUUID())
            yield* Effect.addFinalizer(() => Effect.ignore(removeFile(path)))
            return yield* openPartial(path, size)
          }),
          removePartial: (digest) => removeFile(partialPath(digest)),
          partialsOf: (digests) =>
            Effect.map(Effect.forEach(digests, sizeOf), (blobs) => blobs.filter(({ bytes }) => bytes > 0))
        })
      })
    )
  }
}
