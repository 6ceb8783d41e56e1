/**
 * `ociflow/stages`: the operators that a pull is made of. Each is usable by itself, on bytes from anywhere: no store, no
 * catalogue, no Effect. The operators are synchronous: their `next` returns when the bytes are hashed, inflated, read.
 */
export { defaultLimits, type Limits } from "../api/config.ts"
export type { Warning } from "../api/events.ts"
export type { EntryHeader, EntryType } from "../layer/Entry.ts"
export type { Part } from "../layer/tar/untar.ts"
export { Gate } from "../reactive/Gate.ts"
export { concatGated } from "../read/blob/concatGated.ts"
export { archive, archive$, type TarEntries } from "./archive.ts"
export { concatPull } from "./concatPull.ts"
export { decompress } from "./decompress.ts"
export { type MergedEntry, type MergeOptions, merge } from "./merge.ts"
export type { StageOptions } from "./StageOptions.ts"
export type { TarEntry } from "./TarEntry.ts"
export { tar } from "./tar.ts"
export { type UntarOptions, untar } from "./untar.ts"
export { verify } from "./verify.ts"
