/** Reads an index whose entries may be many: in several turns of the event loop. */
import * as Effect from "effect/Effect"
import { Index } from "./Index.ts"
import { asSpelled, decodeAs, mostItems } from "./json/decodeAs.ts"
import { mostKeys } from "./json/parseJson.ts"
import * as Shape from "./json/Shape.ts"

/** What an index may hold. */
export interface IndexBounds {
  readonly entries: number
  /** Keys of all its objects. */
  readonly keys: number
}

export const boundsOfImages: IndexBounds = { entries: mostItems, keys: mostKeys }

/** The bounds of one page of referrers. Those of cosign have eight keys each. */
export const boundsOfReferrers: IndexBounds = { entries: 8192, keys: 50_000 }

/** Entries that are decoded in one turn: some milliseconds. */
const perTurn = 128

const List = Shape.Struct({ manifests: Shape.Unknown })

/** Fails with what is wrong, on one line. */
export const decodeIndex = Effect.fnUntraced(function* (
  json: unknown,
  most: number
): Effect.fn.Return<typeof Index.Type, string> {
  const named = yield* asSpelled(List, json)
  const { manifests } = Object(named) as { readonly manifests?: unknown }
  if (!Array.isArray(manifests) || manifests.length <= perTurn) return yield* decodeAs(Index, json, most)
  if (manifests.length > most) return yield* Effect.fail(`it has a list of more than ${most} items`)
  const index = yield* decodeAs(Index, { ...Object(named), manifests: [] }, most)
  const entries: Array<Index["manifests"][number]> = []
  for (let start = 0; start < manifests.length; start += perTurn) {
    const part = yield* decodeAs(Index, { manifests: manifests.slice(start, start + perTurn) })
    entries.push(...part.manifests)
    yield* Effect.yieldNow
  }
  return { ...index, manifests: entries }
})
