/** Objects with keys that a document chooses. */
import { isObject } from "./isObject.ts"
import * as Shape from "./Shape.ts"

const isText = (entry: [string, unknown]): entry is [string, string] => typeof entry[1] === "string"

/** Anything by name. Whole: looked at key by key, a map takes five times as long as its parsing. */
export const AnyMap = Shape.declare(isObject, "an object")

/** Texts by name: annotations, labels. Values of another type are left out. */
export const TextMap = Shape.map(
  AnyMap,
  (all): Readonly<Record<string, string>> => Object.fromEntries(Object.entries(all).filter(isText))
)
