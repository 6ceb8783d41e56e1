/** JSON as Go programs write it. */
import * as Effect from "effect/Effect"
import { inTurns } from "../inTurns.ts"

/**
 * Go writes `null` for a list, map or pointer that was never filled; here that is the same as leaving it out. Within a
 * list it keeps its place. In place: a reviver of `JSON.parse` costs five times as much as all the rest.
 */
const leaveOutNull = (value: unknown): void => {
  if (typeof value !== "object" || value === null) return
  if (Array.isArray(value)) {
    for (const item of value) leaveOutNull(item)
    return
  }
  for (const key of Object.keys(value)) {
    const item: unknown = Reflect.get(value, key)
    if (item === null) Reflect.deleteProperty(value, key)
    else leaveOutNull(item)
  }
}

/** Values of one document, lists and objects among them; and how deep they may lie within each other. */
export const mostValues = 200_000
/** Keys of all its objects: each costs some microseconds, ten times as much as a value of a list. */
export const mostKeys = 32_768
export const deepest = 500

const [quote, backslash, comma, colon, brace, bracket, endOfBrace, endOfBracket] = [34, 92, 44, 58, 123, 91, 125, 93]

/**
 * What is wrong with how many values and keys there are: some milliseconds of looking at the bytes, where reading them all would be
 * seconds. Each call looks at the next bytes, up to `end`.
 */
const makeExcess = (bytes: Uint8Array, most: number) => {
  let [at, values, keys, depth, inText] = [0, 1, 0, 0, false]
  return (end: number): string | undefined => {
    for (; at < end; at++) {
      const byte = bytes[at]
      if (inText) {
        if (byte === backslash) at += 1
        else if (byte === quote) inText = false
      } else if (byte === quote) inText = true
      else if (byte === comma) values += 1
      else if (byte === colon) keys += 1
      else if (byte === brace || byte === bracket) {
        values += 1
        depth += 1
        if (depth > deepest) return `it is nested more than ${deepest} deep`
      } else if (byte === endOfBrace || byte === endOfBracket) depth -= 1
      if (values > mostValues) return `it has more than ${mostValues} values`
      if (keys > most) return `it has more than ${most} keys`
    }
    return undefined
  }
}

/**
 * Bytes that are no UTF-8 become U+FFFD, as Go has it: what counts is ASCII, and a digest is of the bytes. Fails without
 * the parser's own words: they quote the text, which may be a secret. `keys`: at most, of all objects.
 */
export const parseJson = Effect.fnUntraced(function* (
  bytes: Uint8Array,
  keys = mostKeys
): Effect.fn.Return<unknown, string> {
  const excess = makeExcess(bytes, keys)
  yield* inTurns(bytes.length, (_, end) => {
    const problem = excess(end)
    return problem === undefined ? Effect.void : Effect.fail(problem)
  })
  return yield* parse(bytes)
})

const parse = (bytes: Uint8Array): Effect.Effect<unknown, string> =>
  Effect.try({
    try: () => {
      const json: unknown = JSON.parse(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes))
      leaveOutNull(json)
      return json === null ? undefined : json
    },
    catch: () => "it is not JSON"
  })

/**
 * The fields of an object as Go reads them into a struct: by names in any case. The exact name counts before others, of
 * which the last one counts. What is not an object stays as it is.
 */
export const fieldsOf =
  (names: ReadonlyArray<string>) =>
  (json: unknown): unknown => {
    if (typeof json !== "object" || json === null || Array.isArray(json)) return json
    const given = Object.entries(json)
    return Object.fromEntries(
      names.flatMap((name) => {
        const field =
          given.find(([key]) => key === name) ?? given.findLast(([key]) => key.toLowerCase() === name.toLowerCase())
        return field === undefined ? [] : [[name, field[1]]]
      })
    )
  }
