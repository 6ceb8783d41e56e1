/** What an artifact holds: its manifest, chosen, and the files that are wanted of it, named. */
import * as Effect from "effect/Effect"
import type { ArtifactOptions, Limits } from "../../api/config.ts"
import { ArtifactMismatch, LimitExceeded, type Reason } from "../../api/errors.ts"
import type { Emit } from "../../api/events.ts"
import type { Artifact, ArtifactFile } from "../../api/results/Artifact.ts"
import { artifactTypeOf } from "../../image/Manifest.ts"
import { checkFound } from "../../pull/verify/checkSignatures.ts"
import type { Signatures } from "../../signatures/Signatures.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import type { Origin } from "../../source/Origin.ts"
import { chooseManifest } from "./chooseManifest.ts"
import { type NamedFile, nameFiles } from "./fileNames.ts"

/** What files come from, and what names them. */
export type ArtifactSource = Pick<
  ImageSource,
  "name" | "root" | "place" | "isRemote" | "documents" | "blob$" | "blobSize" | "reportMismatch"
> & { readonly origin: Origin }

export interface Opened {
  readonly about: Omit<Artifact, "files">
  readonly files: ReadonlyArray<NamedFile>
}

export const describeFile = ({ descriptor, names }: NamedFile): ArtifactFile => ({
  name: names.join("/"),
  digest: descriptor.digest,
  mediaType: descriptor.mediaType,
  size: descriptor.size,
  annotations: descriptor.annotations ?? {}
})

export const openArtifact = Effect.fnUntraced(function* (
  source: ArtifactSource,
  { artifactType, platform, accept }: Pick<ArtifactOptions, "artifactType" | "platform" | "accept">,
  limits: Limits,
  emit: Emit
): Effect.fn.Return<Opened, Reason, Signatures> {
  const { digest, manifest } = yield* chooseManifest(source.documents(emit), source.root, { artifactType, platform })
  yield* checkFound(source.origin, { digest, manifest }, emit)
  const { descriptor, bytes, value } = manifest
  const all = yield* nameFiles(value.layers, descriptor.digest, limits)
  const files = accept === undefined ? all : all.filter((file) => accept.includes(file.descriptor.mediaType))
  if (accept !== undefined && files.length === 0) {
    const types = new Set(all.map((file) => file.descriptor.mediaType))
    return yield* new ArtifactMismatch({
      digest: descriptor.digest,
      wanted: `a file of type ${accept.join(" or ")}`,
      found: [...types].slice(0, 20)
    })
  }
  for (const { descriptor } of files)
    if (descriptor.size > limits.blobBytes)
      return yield* new LimitExceeded({
        limit: "blobBytes",
        maximum: limits.blobBytes,
        unit: "bytes of blob",
        subject: descriptor.digest
      })
  const { config } = value
  return {
    about: {
      reference: source.name,
      digest,
      artifactType: artifactTypeOf(value),
      manifest: {
        reference: source.name,
        digest: descriptor.digest,
        mediaType: descriptor.mediaType,
        size: descriptor.size,
        text: Buffer.from(bytes).toString()
      },
      annotations: value.annotations ?? {},
      config: { digest: config.digest, mediaType: config.mediaType, size: config.size }
    },
    files
  }
})
