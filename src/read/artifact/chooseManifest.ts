/** The manifest of an artifact: what a reference names, or of an index the entry that is meant. */
import * as Effect from "effect/Effect"
import { ArtifactMismatch, type Reason } from "../../api/errors.ts"
import { type Document, platformOf } from "../../image/Descriptor.ts"
import { isAttestation } from "../../image/Index.ts"
import { artifactTypeOf, type Manifest } from "../../image/Manifest.ts"
import { fitness, parsePlatform } from "../../image/Platform.ts"
import type { Digest } from "../../image/reference/Digest.ts"
import type { DocumentRequest } from "../../registry/documents.ts"
import type { DocumentSource } from "../../registry/resolve.ts"

/** Entries of an index that are looked at. */
const mostEntries = 32

export interface Wanted {
  readonly artifactType?: string | undefined
  readonly platform?: string | undefined
}

/**
 * The type that an index tells of an entry may be wrong, so that each manifest is read. Fails with `ArtifactMismatch` where
 * none is of the type, or more than one could be meant.
 */
export const chooseManifest = Effect.fnUntraced(function* (
  source: DocumentSource,
  root: DocumentRequest,
  { artifactType, platform }: Wanted
): Effect.fn.Return<{ readonly digest: Digest; readonly manifest: Document<Manifest> }, Reason> {
  const found = yield* source.manifest(root)
  const { digest } = found.document.descriptor
  const isWanted = ({ value }: Document<Manifest>) =>
    artifactType === undefined || artifactTypeOf(value) === artifactType
  const mismatch = (types: ReadonlyArray<string>) =>
    new ArtifactMismatch({ digest, wanted: artifactType ?? "one artifact", found: [...new Set(types)].slice(0, 20) })
  if (found._tag === "Manifest") {
    if (!isWanted(found.document)) return yield* mismatch([artifactTypeOf(found.document.value)])
    return { digest, manifest: found.document }
  }
  const wanted = platform === undefined ? undefined : yield* parsePlatform(platform)
  const entries = found.document.value.manifests.filter((entry) => {
    if (isAttestation(entry) && artifactType === undefined) return false
    const offered = platformOf(entry)
    return wanted === undefined || (offered !== undefined && fitness(wanted, offered) !== undefined)
  })
  const types: Array<string> = []
  const manifests: Array<Document<Manifest>> = []
  for (const descriptor of entries.slice(0, mostEntries)) {
    const entry = yield* source.manifest({ _tag: "Entry", descriptor })
    if (entry._tag === "Index") continue
    types.push(artifactTypeOf(entry.document.value))
    if (isWanted(entry.document)) manifests.push(entry.document)
    // The entries are in no order of fitness: with a platform, the first one that can run counts.
    if (manifests.length > 0 && wanted !== undefined) break
  }
  const [manifest, another] = manifests
  if (manifest === undefined || another !== undefined) return yield* mismatch(types)
  return { digest, manifest }
})
