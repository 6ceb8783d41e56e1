/** A reference to a registry, as a source. */
import { format, type Reference } from "../image/reference/Reference.ts"
import { documentRequestOf } from "../registry/documents.ts"
import type { Registry } from "../registry/Registry.ts"
import type { ImageSource } from "./ImageSource.ts"

export const registrySource = (registry: Registry["Service"], reference: Reference): ImageSource => ({
  name: format(reference),
  inputs: JSON.stringify([reference.registry, reference.repository]),
  place: reference.registry,
  isRemote: true,
  resolve: (platform, emit) => registry.resolve(reference, platform, emit),
  digest: (emit) => registry.digest(reference, emit),
  root: documentRequestOf(reference),
  documents: (emit) => registry.documents(reference, emit),
  blob$: (blob, gate, options) => registry.blob$(reference, blob, gate, options),
  blobSize: (digest, emit) => registry.blobSize(reference, digest, emit),
  reportMismatch: registry.reportMismatch
})
