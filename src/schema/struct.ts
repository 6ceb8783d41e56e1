/** Structs that the compiler holds to an interface: every key, and which of them may be missing. */
import * as Schema from "effect/Schema"

/** A codec for each key of `A`. Of a key that may be missing, an optional one. */
export type FieldsOf<A> = {
  readonly [K in keyof A]-?: Record<never, never> extends Pick<A, K>
    ? Schema.optionalKey<Schema.Codec<Exclude<A[K], undefined>>>
    : Schema.Codec<A[K]>
}

export const struct = <A extends object>(fields: FieldsOf<A>): Schema.Codec<A> =>
  Schema.Struct(fields as Schema.Struct.Fields) as unknown as Schema.Codec<A>

/** A key that may be missing. */
export const maybe = <S extends Schema.Constraint>(codec: S): Schema.optionalKey<S> => Schema.optionalKey(codec)
export const text: Schema.Codec<string> = Schema.String
export const number: Schema.Codec<number> = Schema.Finite
export const boolean: Schema.Codec<boolean> = Schema.Boolean
export const texts: Schema.Codec<ReadonlyArray<string>> = Schema.Array(Schema.String)
export const textMap: Schema.Codec<Readonly<Record<string, string>>> = Schema.Record(Schema.String, Schema.String)
