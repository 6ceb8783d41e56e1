/** What a document tells beside what a pull needs: where it makes no sense it is left out, and the rest counts. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { transform } from "effect/SchemaTransformation"

/** A key that may be absent, and is where its value does not decode. */
export const advice = <S extends Schema.Constraint>(schema: S) =>
  Schema.optionalKey(Schema.catchDecoding<S>(() => Effect.succeed(Option.none()))(schema))

const isText = (entry: [string, unknown]): entry is [string, string] => typeof entry[1] === "string"

type AnyMap = Readonly<Record<string, unknown>>
const isMap = (value: unknown): value is AnyMap => typeof value === "object" && value !== null && !Array.isArray(value)

/** Anything by name. Whole: looked at key by key, a map takes five times as long as its parsing. */
export const AnyMap = Schema.declare(isMap, { expected: "an object" })

/** Texts by name: annotations, labels. Values of another type are left out. */
export const TextMap = AnyMap.pipe(
  Schema.decodeTo(
    Schema.declare((value): value is Readonly<Record<string, string>> => isMap(value)),
    transform<Readonly<Record<string, string>>, AnyMap>({
      decode: (all) => Object.fromEntries(Object.entries(all).filter(isText)),
      encode: (texts) => texts
    })
  )
)
