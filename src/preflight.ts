/** Looks, before anything is downloaded, whether the disk can hold what is still to come. */
import * as Effect from "effect/Effect"
import type { Preflight } from "./config.ts"
import { NotEnoughSpace, type Reason } from "./errors.ts"
import type { Emit } from "./events.ts"
import type { ResolvedLayer } from "./registry/Registry.ts"
import type { Store } from "./store/Store.ts"

/** An extracted layer is hardly ever smaller than its blob: less than that cannot be enough. */
export const preflight = Effect.fnUntraced(function* (
  store: Store["Service"],
  layers: ReadonlyArray<ResolvedLayer>,
  how: Preflight,
  emit: Emit
): Effect.fn.Return<void, Reason> {
  const available = how === "off" ? undefined : yield* store.freeSpace
  if (available === undefined) return
  const there = yield* Effect.forEach(layers, ({ digest }) => store.hasLayer(digest))
  const needed = layers.reduce((sum, { size }, at) => sum + (there[at] === true ? 0 : size), 0)
  if (needed <= available) return
  const reason = new NotEnoughSpace({ path: store.layersDir, needed, available })
  if (how === "refuse") return yield* reason
  emit({ _tag: "Warning", code: "LittleSpace", message: reason.message })
})
