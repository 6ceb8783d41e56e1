/** What a document tells beside what a pull needs: where it makes no sense it is left out, and the rest counts. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { transform } from "effect/SchemaTransformation"

/** A key that may be absent, and is where its value does not decode. */
export const advice = <S extends Schema.Constraint>(schema: S) =>
  Schema.optionalKey(Schema.catchDecoding<S>(() => Effect.succeed(Option.none()))(schema))

const isText = (entry: [string, unknown]): entry is [string, string] => typeof entry[1] === "string"

/** Texts by name: annotations, labels. Values of another type are left out. */
export const TextMap = Schema.Record(Schema.String, Schema.Unknown).pipe(
  Schema.decodeTo(
    Schema.Record(Schema.String, Schema.String),
    transform<Readonly<Record<string, string>>, Readonly<Record<string, unknown>>>({
      decode: (all) => Object.fromEntries(Object.entries(all).filter(isText)),
      encode: (texts) => texts
    })
  )
)
