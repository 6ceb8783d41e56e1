/**
 * With the option `verify`: a blob may be read if a manifest that the reference leads to names it, and the image has the signatures
 * that the rule asks for. Of another blob of the repository nobody has signed anything.
 */
import * as Effect from "effect/Effect"
import { type Reason, SignatureRejected } from "../../api/errors.ts"
import type { Emit } from "../../api/events.ts"
import type { Document } from "../../image/Descriptor.ts"
import type { Manifest } from "../../image/Manifest.ts"
import { checkFound } from "../../pull/verify/checkSignatures.ts"
import type { IndexOrManifest } from "../../registry/documents.ts"
import type { DocumentSource } from "../../registry/resolve.ts"
import { Signatures } from "../../signatures/Signatures.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import type { Origin } from "../../source/Origin.ts"

/** Manifests that are looked at: indexes can be wide. */
const mostManifests = 64
const deepest = 4

const names = ({ config, layers }: Manifest, digest: string) =>
  config.digest === digest || layers.some((it) => it.digest === digest)

/** The first manifest that names the blob. */
const namedIn = (
  documents: DocumentSource,
  found: IndexOrManifest,
  digest: string,
  notes: { manifests: number },
  depth = 1
): Effect.Effect<Document<Manifest> | undefined, Reason> =>
  Effect.gen(function* () {
    if (found._tag === "Manifest") return names(found.document.value, digest) ? found.document : undefined
    if (depth > deepest) return undefined
    for (const descriptor of found.document.value.manifests) {
      if (++notes.manifests > mostManifests) return undefined
      const below = yield* documents.manifest({ _tag: "Entry", descriptor })
      const manifest = yield* namedIn(documents, below, digest, notes, depth + 1)
      if (manifest !== undefined) return manifest
    }
    return undefined
  })

export const checkBlob = Effect.fnUntraced(function* (
  source: Pick<ImageSource, "documents" | "root">,
  origin: Origin,
  digest: string,
  emit: Emit
): Effect.fn.Return<void, Reason, Signatures> {
  const { asksFor } = yield* Signatures
  if (!(yield* asksFor(origin))) return
  const documents = source.documents(emit)
  const root = yield* documents.manifest(source.root)
  const named = root.document.descriptor.digest
  const manifest = yield* namedIn(documents, root, digest, { manifests: 0 })
  if (manifest === undefined)
    return yield* new SignatureRejected({
      digest: named,
      scope: origin.name,
      failures: [`no manifest of the image names ${digest}, so no signature is of it`]
    })
  yield* checkFound(
    origin,
    { digest: named, manifest, ...(root._tag === "Index" ? { index: root.document } : {}) },
    emit
  )
})
