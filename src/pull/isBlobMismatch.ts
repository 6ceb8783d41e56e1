import type { Reason } from "../api/errors.ts"

/** The blob is not what its name says. All other blame falls on bytes that are proven: fetching them again helps nobody. */
export const isBlobMismatch = (reason: Reason): boolean =>
  (reason._tag === "DigestMismatch" || reason._tag === "SizeMismatch") && reason.subject === "blob"
