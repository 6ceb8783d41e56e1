import type { Reason } from "./errors.ts"

/** Reasons that speak of the bytes, not of the way they came. */
export const doubtsBytes = ({ _tag }: Reason): boolean =>
  ["DigestMismatch", "SizeMismatch", "CorruptLayer", "UnsafeEntry", "LimitExceeded"].includes(_tag)
