/** Proves bytes against their digest, and their number against the descriptor, while they pass. */
import { createHash } from "node:crypto"
import type { MonoTypeOperatorFunction } from "rxjs"
import { DigestMismatch, SizeMismatch, UnsupportedDigest } from "../api/errors.ts"
import { hashAlgorithms } from "../image/reference/hashAlgorithms.ts"
import { transduce } from "../reactive/transduce.ts"

/**
 * Passes bytes on unchanged and hashes them; fails with `DigestMismatch` in place of completing. With `size`, the first
 * byte too many fails at once and a byte too few at the end, as `SizeMismatch`.
 */
export const verifyDigest = (subject: string, digest: string, size?: number): MonoTypeOperatorFunction<Uint8Array> =>
  transduce(() => {
    const algorithm = digest.slice(0, digest.indexOf(":"))
    if (!hashAlgorithms.has(algorithm)) throw new UnsupportedDigest({ digest })
    const hash = createHash(algorithm)
    let actual = 0
    return {
      push: (chunk, next) => {
        actual += chunk.length
        if (size !== undefined && actual > size) throw new SizeMismatch({ subject, expected: size, actual })
        hash.update(chunk)
        next(chunk)
      },
      end: () => {
        if (size !== undefined && actual !== size) throw new SizeMismatch({ subject, expected: size, actual })
        const found = `${algorithm}:${hash.digest("hex")}`
        if (found !== digest) throw new DigestMismatch({ subject, expected: digest, actual: found })
      }
    }
  })
