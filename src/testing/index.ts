/**
 * `ociflow/testing`: a registry that runs in your process, builders of images and archives, and faults in all three. It
 * needs no daemon, no network, no file on disk and no package besides Node.
 */
export * from "./Content.ts"
export { type Compression, type CompressOptions, compress } from "./compression/compress.ts"
export { zstdFrame, zstdSkippableFrame } from "./compression/zstdFrame.ts"
export { type BigLayerOptions, bigLayer } from "./image/bigLayer.ts"
export { type ImageOptions, image } from "./image/image.ts"
export { type IndexOptions, imageIndex } from "./image/imageIndex.ts"
export { type LayerInput, type LayerOptions, type MadeLayer, makeLayer } from "./image/layer.ts"
export { type FilesOptions, imageFromDirectory, layerFromFiles } from "./image/layerFromFiles.ts"
export { imagesOfLayout } from "./image/layout.ts"
export { type NodeImageOptions, nodeImage } from "./image/nodeImage.ts"
export { Prng } from "./image/Prng.ts"
export { type RandomEntry, type RandomImage, type RandomImageOptions, randomImage } from "./image/randomImage.ts"
export {
  type Format,
  mediaTypes,
  type TestDocument,
  type TestImage,
  type TestLayer,
  type TestManifest
} from "./image/TestImage.ts"
export type { AuthOptions, BasicAuth, BearerAuth, Users } from "./registry/auth/AuthOptions.ts"
export type { TokenService } from "./registry/auth/TokenService.ts"
export type { Fault, FaultAction, FaultContext, FaultMatch } from "./registry/faults/Fault.ts"
export * as fault from "./registry/faults/faults.ts"
export type { TlsOptions } from "./registry/http/Listener.ts"
export type { Delivery, Reply } from "./registry/http/Reply.ts"
export { type LoggedRequest, type RequestFilter, RequestLog } from "./registry/http/RequestLog.ts"
export type { RequestKind } from "./registry/http/Route.ts"
export type { RegistryOptions, StorageOptions } from "./registry/RegistryOptions.ts"
export { startRegistry } from "./registry/startRegistry.ts"
export type { Storage, TestRegistry } from "./registry/TestRegistry.ts"
export { type Authority, type AuthorityOptions, type Identity, makeAuthority } from "./signatures/Authority.ts"
export { type KeyType, type SigningKey, signingKey } from "./signatures/Signer.ts"
export {
  type AttestOptions,
  attest,
  bundleReferrer,
  type SignedBy,
  type SignOptions,
  sign,
  type TestSignature
} from "./signatures/sign.ts"
export type { LayerTable, TableEntry } from "./table/TableEntry.ts"
export { type TableLayerOptions, tableLayer } from "./table/tableLayer.ts"
export type { EntryOptions } from "./tar/EntryOptions.ts"
export { base256, type HeaderFields, headerBlock, type TarFormat, type Text } from "./tar/Header.ts"
export { type Malformed, malformedArchives } from "./tar/malformed.ts"
export { type PaxRecords, paxRecord, paxRecords, type Time, type XattrForm } from "./tar/pax.ts"
export type { Region, SparseForm } from "./tar/sparse.ts"
export { Tar, tar } from "./tar/Tar.ts"
