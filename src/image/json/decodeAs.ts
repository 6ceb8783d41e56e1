/**
 * JSON as Go's `encoding/json` reads it, and with it most programs that read images: a key counts in any case, and `null`
 * in a list is an empty value. What a shape does not read is left as it is: the keys of annotations and labels are data.
 */

import * as Effect from "effect/Effect"
import { printable } from "../../api/errors.ts"
import { isObject } from "./isObject.ts"
import { decode, type Form, type Shape } from "./Shape.ts"

/** Folds a key by Unicode's simple folding, as Go does: "ſ" is an "s", the Kelvin sign a "k". */
const fold = (key: string): string => key.replaceAll("ſ", "s").toLowerCase()

/** The keys that a shape reads, by their folded form. */
const cache = new WeakMap<Form, ReadonlyMap<string, readonly [name: string, form: Form]>>()

const fieldsOf = (form: Extract<Form, { readonly kind: "object" }>) => {
  const made = cache.get(form) ?? new Map([...form.fields].map((field) => [fold(field[0]), field]))
  cache.set(form, made)
  return made
}

/** In words that are told. */
class Refused extends Error {}

/** What Go has for a `null`. */
const emptyOf = (form: Form): unknown => {
  switch (form.kind) {
    case "text":
      return ""
    case "number":
      return 0
    case "boolean":
      return false
    case "object":
      return {}
    case "list":
      return []
    default:
      return null
  }
}

/**
 * Items of a list whose items are looked at one by one. An image has some tens of layers and platforms; a document of 4 MiB
 * has room for two million items, which would keep the event loop for a minute.
 */
export const mostItems = 4096

const spelled = (form: Form, value: unknown, most: number): unknown => {
  if (form.kind === "either") return spelled(form.first, value, most)
  if (form.kind === "list" && Array.isArray(value)) {
    const { item } = form
    if (item.kind === "other") return value
    if (value.length > most) throw new Refused(`it has a list of more than ${most} items`)
    return value.map((each) => spelled(item, each ?? emptyOf(item), most))
  }
  if (form.kind !== "object" || !isObject(value)) return value
  const fields = fieldsOf(form)
  const found = new Map<string, string>()
  const entries = Object.entries(value).map(([key, each]): readonly [string, unknown] => {
    const field = fields.get(fold(key))
    if (field === undefined) return [key, each]
    const [name, of] = field
    const before = found.get(name)
    if (before !== undefined) throw new Refused(`it has both ${printable(before, 20)} and ${printable(key, 20)}`)
    found.set(name, key)
    return [name, spelled(of, each, most)]
  })
  return Object.fromEntries(entries)
}

/** The same document with the keys that a shape reads as the shape spells them; no list is longer than `most`. */
export const asSpelled = (
  { form }: Shape<unknown>,
  json: unknown,
  most = Number.POSITIVE_INFINITY
): Effect.Effect<unknown, string> =>
  Effect.try({
    try: () => spelled(form, json, most),
    catch: (error) => (error instanceof Refused ? error.message : "it cannot be read")
  })

/** Fails with what is wrong, on one line. */
export const decodeAs = <A>(shape: Shape<A>, json: unknown, most = mostItems): Effect.Effect<A, string> =>
  Effect.flatMap(asSpelled(shape, json, most), (named) =>
    Effect.mapError(decode(shape)(named), ({ message }) => printable(message))
  )
