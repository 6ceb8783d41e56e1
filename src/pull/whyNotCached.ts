/** Says what of an image the store lacks, for whoever may not ask the network. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { NotCached, type Reason } from "../api/errors.ts"
import { formatPlatform, type Platform } from "../image/Platform.ts"
import type { Store } from "../store/Store.ts"
import { isDirectory } from "../store/trees/Staging.ts"

export const whyNotCached = Effect.fnUntraced(function* (
  store: Store["Service"],
  reference: string,
  wanted: Platform
): Effect.fn.Return<NotCached, Reason> {
  const platform = formatPlatform(wanted)
  const known = yield* store.inspect(reference)
  if (Option.isNone(known)) return new NotCached({ platform, problem: "it was not pulled" })
  const { manifests } = known.value
  const manifest =
    manifests.find((it) => it.platform === platform) ?? (manifests.length === 1 ? manifests[0] : undefined)
  const missing: Array<string> = []
  for (const { digest, path } of manifest?.layers ?? []) if (!(yield* isDirectory(path))) missing.push(digest)
  if (missing.length > 0)
    return new NotCached({ platform, problem: `layer ${[...new Set(missing)].join(", ")} is gone` })
  if (manifest !== undefined && store.blobs !== undefined)
    return new NotCached({ platform, problem: "not all of its blobs are kept" })
  const pulled = manifests.map((it) => it.platform).join(", ")
  return new NotCached({ platform, problem: `it was pulled for ${pulled} only` })
})
