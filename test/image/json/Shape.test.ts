import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import fc from "fast-check"
import { expect, test } from "vitest"
import * as Shape from "../../../src/image/json/Shape.ts"

const outcome = (shape: Shape.Shape<unknown>, value: unknown) =>
  Effect.runSync(
    Effect.match(Shape.decode(shape)(value), { onFailure: ({ message }) => message, onSuccess: (it) => [it] })
  )

const nested = Shape.Struct({ layers: Shape.Array(Shape.Struct({ size: Shape.Natural })) })

test("what was expected is said, and where; never what was found", () => {
  expect(outcome(nested, { layers: [{ size: 1 }, { size: "a secret" }] })).toBe(
    'Expected a whole number, 0 or more at ["layers"][1]["size"]'
  )
  expect(outcome(nested, { layers: [{}] })).toBe('Missing key at ["layers"][0]["size"]')
  expect(outcome(nested, [])).toBe("Expected object")
  expect(outcome(Shape.fromJsonString(nested), "{ a secret")).toBe("Expected JSON")
  expect(
    outcome(
      Shape.check(Shape.String, (it): it is "x" => it === "x", "an x"),
      "y"
    )
  ).toBe("Expected an x")
})

test("keys that nobody asked for are left out; an open object keeps them", () => {
  const fields = { a: Shape.String }
  expect(outcome(Shape.Struct(fields), { a: "1", b: 2 })).toEqual([{ a: "1" }])
  expect(outcome(Shape.Struct(fields, { open: true }), { a: "1", b: 2 })).toEqual([{ a: "1", b: 2 }])
})

test("a key that an object inherits is absent", () => {
  const shape = Shape.Struct({ toString: Shape.optionalKey(Shape.Unknown), a: Shape.withDefault(Shape.String, "none") })
  expect(outcome(shape, Object.create({ a: "inherited" }))).toEqual([{ a: "none" }])
})

test("a name that a document chooses is a name, whatever it is", () => {
  const [found] = outcome(Shape.Record(Shape.Number), JSON.parse('{"__proto__": 1}')) as ReadonlyArray<object>
  expect(Object.entries(found ?? {})).toEqual([["__proto__", 1]])
})

test("advice that makes no sense is left out; what else is wrong is told", () => {
  const shape = Shape.Struct({ a: Shape.advice(nested), b: Shape.fromKey("b.c", Shape.optionalKey(Shape.String)) })
  expect(outcome(shape, { a: { layers: [{}] }, "b.c": "x" })).toEqual([{ b: "x" }])
  expect(outcome(shape, { "b.c": 1 })).toBe('Expected string at ["b.c"]')
})

test("what a shape does not expect to throw is a defect", () => {
  const broken = Shape.map(Shape.String, () => {
    throw new RangeError("ours")
  })
  expect(() => Effect.runSync(Shape.decode(broken)(""))).toThrow("ours")
  expect(() => Shape.orUndefined(Shape.Union(broken, Shape.String))("")).toThrow("ours")
})

const ours = Shape.Struct({
  text: Shape.String,
  count: Shape.Natural,
  list: Shape.withDefault(Shape.Array(Shape.NullOr(Shape.Finite)), []),
  either: Shape.optionalKey(Shape.Union(Shape.String, Shape.Record(Shape.Boolean))),
  kind: Shape.optionalKey(Shape.Literals(["a", "b"]))
})
const theirs = Schema.Struct({
  text: Schema.String,
  count: Schema.Natural,
  list: Schema.Array(Schema.NullOr(Schema.Finite)).pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed([]))),
  either: Schema.optionalKey(Schema.Union([Schema.String, Schema.Record(Schema.String, Schema.Boolean)])),
  kind: Schema.optionalKey(Schema.Literals(["a", "b"]))
})

test("it accepts what effect's Schema accepts, and makes the same of it", () => {
  const json = fc.record(
    {
      text: fc.oneof(fc.string(), fc.jsonValue()),
      count: fc.oneof(fc.nat(), fc.double(), fc.jsonValue()),
      list: fc.oneof(fc.array(fc.oneof(fc.constant(null), fc.double({ noNaN: true }))), fc.jsonValue()),
      either: fc.oneof(fc.string(), fc.dictionary(fc.string(), fc.boolean()), fc.jsonValue()),
      kind: fc.oneof(fc.constantFrom("a", "b", "c"), fc.jsonValue())
    },
    { requiredKeys: ["text", "count"] }
  )
  const schema = Schema.decodeUnknownOption(theirs)
  fc.assert(
    fc.property(fc.oneof(json, fc.jsonValue()), (value) => {
      const expected = schema(value)
      expect(Shape.orUndefined(ours)(value)).toEqual(expected._tag === "Some" ? expected.value : undefined)
    })
  )
})
