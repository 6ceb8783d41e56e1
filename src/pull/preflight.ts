/** Looks, before anything is downloaded, whether the disk can hold what is still to come. */
import * as Effect from "effect/Effect"
import type { Preflight } from "../api/config.ts"
import { NotEnoughSpace, type Reason } from "../api/errors.ts"
import type { Emit } from "../api/events.ts"
import type { Digest } from "../image/reference/Digest.ts"
import type { ResolvedLayer } from "../registry/Registry.ts"
import type { Store } from "../store/Store.ts"

type Blob = Pick<ResolvedLayer, "digest" | "size">

/**
 * An extracted layer is hardly ever smaller than its blob: less than that cannot be enough. What is kept of a blob takes
 * nothing off that: it stays beside its tree until that is whole. `manifest`: by which a merged image is called.
 */
export const preflight = Effect.fnUntraced(function* (
  store: Store["Service"],
  layers: ReadonlyArray<Blob>,
  how: Preflight,
  emit: Emit,
  manifest?: Digest
): Effect.fn.Return<void, Reason> {
  const available = how === "off" ? undefined : yield* store.freeSpace
  if (available === undefined) return
  const isMerged = store.merged && manifest !== undefined && (yield* store.hasRootfs(manifest))
  const isThere = ({ digest }: Blob) => (store.merged ? Effect.succeed(isMerged) : store.hasLayer(digest))
  const missing = yield* Effect.filter(layers, (layer) => Effect.map(isThere(layer), (there) => !there))
  const needed = missing.reduce((sum, { size }) => sum + size, 0)
  if (needed <= available) return
  const reason = new NotEnoughSpace({ path: store.layersDir, needed, available })
  if (how === "refuse") return yield* reason
  emit({ _tag: "Warning", code: "LittleSpace", message: reason.message })
})
