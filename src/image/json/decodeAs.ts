/**
 * JSON as Go's `encoding/json` reads it, and with it most programs that read images: a key counts in any case, and `null`
 * in a list is an empty value. What a schema does not read is left as it is: the keys of annotations and labels are data.
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { decodeUnknownEffect } from "effect/Schema"
import { type AST, isArrays, isObjects, isUnion, toEncoded } from "effect/SchemaAST"
import { printable } from "../../api/errors.ts"
import { complaint } from "./parseJson.ts"

/** By Unicode's simple folding, as Go has it: "ſ" is an "s", the Kelvin sign a "k". */
const fold = (key: string): string => key.replaceAll("ſ", "s").toLowerCase()

/** The keys that a schema reads, by their folded form, and what each holds. */
type Known = readonly [names: ReadonlyMap<string, string>, types: ReadonlyMap<string, AST>]
const cache = new WeakMap<AST, Known>()

const known = (ast: Extract<AST, { readonly _tag: "Objects" }>): Known => {
  const made: Known = cache.get(ast) ?? [
    new Map(ast.propertySignatures.map(({ name }) => [fold(String(name)), String(name)])),
    new Map(ast.propertySignatures.map(({ name, type }) => [String(name), type]))
  ]
  cache.set(ast, made)
  return made
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** In words that are told. */
class Refused extends Error {}

/** What Go has for a `null`. */
const emptyOf = (ast: AST): unknown => {
  switch (ast._tag) {
    case "String":
      return ""
    case "Number":
      return 0
    case "Boolean":
      return false
    case "Objects":
      return {}
    case "Arrays":
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

const spelled = (ast: AST, value: unknown, most: number): unknown => {
  if (isUnion(ast)) {
    const [first] = ast.types
    return first === undefined ? value : spelled(first, value, most)
  }
  if (isArrays(ast) && Array.isArray(value)) {
    const [item] = ast.rest
    if (item === undefined || item._tag === "Unknown") return value
    if (value.length > most) throw new Refused(`it has a list of more than ${most} items`)
    return value.map((each) => spelled(item, each ?? emptyOf(item), most))
  }
  if (!isObjects(ast) || !isRecord(value) || ast.propertySignatures.length === 0) return value
  const [names, types] = known(ast)
  const found = new Map<string, string>()
  const entries = Object.entries(value).map(([key, each]): readonly [string, unknown] => {
    const name = names.get(fold(key))
    if (name === undefined) return [key, each]
    const before = found.get(name)
    if (before !== undefined) throw new Refused(`it has both ${printable(before, 20)} and ${printable(key, 20)}`)
    found.set(name, key)
    const type = types.get(name)
    return [name, type === undefined ? each : spelled(type, each, most)]
  })
  return Object.fromEntries(entries)
}

/** The same document with the keys that a schema reads as the schema spells them; no list is longer than `most`. */
export const asSpelled = (
  schema: Schema.Constraint,
  json: unknown,
  most = Number.POSITIVE_INFINITY
): Effect.Effect<unknown, string> =>
  Effect.try({
    try: () => spelled(toEncoded(schema.ast), json, most),
    catch: (error) => (error instanceof Refused ? error.message : "it cannot be read")
  })

/** Fails with what is wrong, on one line. */
export const decodeAs = <A, I>(schema: Schema.Codec<A, I>, json: unknown, most = mostItems): Effect.Effect<A, string> =>
  Effect.flatMap(asSpelled(schema, json, most), (named) =>
    decodeUnknownEffect(schema)(named).pipe(Effect.mapError(complaint))
  )
