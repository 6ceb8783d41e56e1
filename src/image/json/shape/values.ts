/** Single values, and what is made of one. */
import { attempt, Mismatch, type Shape, shape } from "./reading.ts"

const only = <A>(kind: "text" | "number" | "boolean" | "other", expected: string, is: (value: unknown) => value is A) =>
  shape<A>({ kind }, (value, at) => {
    if (is(value)) return value
    throw new Mismatch(`Expected ${expected}`, at)
  })

const isNumber = (value: unknown): value is number => typeof value === "number"

const Text = only("text", "string", (value): value is string => typeof value === "string")
const Numeric = only("number", "number", isNumber)
export const Finite = only("number", "a finite number", (value): value is number => Number.isFinite(value))
export const Natural = only(
  "number",
  "a whole number, 0 or more",
  (value): value is number => isNumber(value) && Number.isSafeInteger(value) && value >= 0
)
const Flag = only("boolean", "boolean", (value): value is boolean => typeof value === "boolean")

export { Flag as Boolean, Numeric as Number, Text as String }
export const Unknown = shape<unknown>({ kind: "other" }, (value) => value)

/** A value that `is` accepts. */
export const declare = <A>(is: (value: unknown) => value is A, expected: string): Shape<A> =>
  only("other", expected, is)

export const Literals = <const A extends ReadonlyArray<string | number>>(literals: A): Shape<A[number]> =>
  only("other", literals.map((it) => JSON.stringify(it)).join(" or "), (value): value is A[number] =>
    literals.some((it) => it === value)
  )

export const NullOr = <A>(of: Shape<A>): Shape<A | null> =>
  shape({ kind: "either", first: of.form }, (value, at) => (value === null ? null : of.read(value, at)))

/** The first of two that fits. */
export const Union = <A, B>(one: Shape<A>, other: Shape<B>): Shape<A | B> =>
  shape({ kind: "either", first: one.form }, (value, at) => {
    const found = attempt(one, value, at)
    return found instanceof Mismatch ? other.read(value, at) : found
  })

/** The same, with one more condition. */
export const check = <A, B extends A>(of: Shape<A>, holds: (value: A) => value is B, expected: string): Shape<B> =>
  shape(of.form, (value, at) => {
    const found = of.read(value, at)
    if (holds(found)) return found
    throw new Mismatch(`Expected ${expected}`, at)
  })

/** What is made of it. */
export const map = <A, B>(of: Shape<A>, make: (value: A) => B): Shape<B> =>
  shape(of.form, (value, at) => make(of.read(value, at)))

/** A text that holds a value as JSON. */
export const fromJsonString = <A>(of: Shape<A>): Shape<A> =>
  shape({ kind: "text" }, (value, at) => {
    const text = Text.read(value, at)
    let json: unknown
    try {
      json = JSON.parse(text)
    } catch {
      throw new Mismatch("Expected JSON", at)
    }
    return of.read(json, at)
  })
