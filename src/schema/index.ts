/**
 * `ociflow/schema`: codecs of what ociflow gives and takes, for RPC and for stored data. It stands apart, since
 * `effect/Schema` is large and few programs need it.
 */
export { PullEvent } from "./events.ts"
export { ImageConfig, PulledImage, PulledLayer, PullResult } from "./images.ts"
export { ListOptions, PruneOptions, PullerOptions, PullOptions, VerifyOptions } from "./options.ts"
export { type EncodedPullError, type EncodedReason, PullError, Reason } from "./reasons.ts"
