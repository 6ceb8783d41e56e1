import type { MonoTypeOperatorFunction } from "rxjs"
import { verifyDigest } from "../layer/verifyDigest.ts"

/**
 * Passes bytes on unchanged, and fails in place of completing where they are not what the digest says.
 *
 *     bytes           ─A─B─C─|
 *     verify(digest)  ─A─B─C─|        or  ─A─B─C─#  DigestMismatch
 *     verify(_, 2)    ─A─B─#                        SizeMismatch, at the first byte too many
 *
 * What has passed is not proven before the end: keep it aside until then. `digest`: `sha256:…`, `sha384:…` or `sha512:…`; any other is
 * `UnsupportedDigest`. `size`: bytes. Costs one hash; holds nothing.
 */
export const verify = (digest: string, size?: number): MonoTypeOperatorFunction<Uint8Array> =>
  verifyDigest("blob", digest, size)
