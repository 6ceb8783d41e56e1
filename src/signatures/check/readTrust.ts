/** Reads what signatures are checked with: keys, certificates, trusted roots, policies. */
import * as Effect from "effect/Effect"
import { codeOf } from "../../api/codeOf.ts"
import { TrustUnavailable } from "../../api/errors.ts"
import { readBounded } from "../../fs/readBounded.ts"
import type { TrustFile } from "../rules/Rule.ts"

/** Bytes of such a file: Sigstore's own trusted root has some 7 KB. */
const mostBytes = 2 ** 22

export const readTrust = ({ name, path, content }: TrustFile): Effect.Effect<string, TrustUnavailable> =>
  content !== undefined
    ? Effect.succeed(content)
    : readBounded(path ?? "", mostBytes).pipe(
        Effect.map(String),
        Effect.mapError((error) => {
          const code = codeOf(error)
          const problem = code === "EFBIG" ? `it has more than ${mostBytes} bytes` : `it cannot be read (${code})`
          return new TrustUnavailable({ source: name, problem, cause: error })
        })
      )
