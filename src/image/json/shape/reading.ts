/** A shape: a function that reads a value, and a description of the values that it takes. */
import * as Effect from "effect/Effect"

/** Where in a document: the names and places that lead there. */
export interface Path {
  readonly key: string | number
  readonly up: Path | undefined
}

const shown = (at: Path | undefined): string => (at === undefined ? "" : `${shown(at.up)}[${JSON.stringify(at.key)}]`)

/** Says what was expected, and where; never what was found, which may be a secret. */
export class Mismatch extends Error {
  readonly _tag = "Mismatch"
  constructor(expected: string, at: Path | undefined) {
    super(at === undefined ? expected : `${expected} at ${shown(at)}`)
  }
}

/** What kind of value a shape reads; `decodeAs` needs it beforehand. */
export type Form =
  | { readonly kind: "text" | "number" | "boolean" | "other" }
  | { readonly kind: "list"; readonly item: Form }
  | { readonly kind: "object"; readonly fields: ReadonlyMap<string, Form> }
  | { readonly kind: "either"; readonly first: Form }

/** Stands for a key that is absent: this value or, if it is `undefined`, nothing. */
interface Absent<out A> {
  readonly value: A | undefined
}

export interface Shape<out A> {
  /** For the compiler; it is never there at run time. */
  readonly Type: A
  readonly form: Form
  /** Throws `Mismatch`. */
  readonly read: (value: unknown, at?: Path) => A
  readonly absent?: Absent<A>
  /** The key in the document, where that is another one. */
  readonly key?: string
}

export const shape = <A>(form: Form, read: Shape<A>["read"]): Shape<A> => ({ form, read }) as Shape<A>

/** What a shape reads; where the value does not fit, why. */
export const attempt = <A>(of: Shape<A>, value: unknown, at?: Path): A | Mismatch => {
  try {
    return of.read(value, at)
  } catch (error) {
    if (error instanceof Mismatch) return error
    throw error
  }
}

/** `undefined` if it does not fit. */
export const orUndefined =
  <A>(of: Shape<A>) =>
  (value: unknown): A | undefined => {
    const found = attempt(of, value)
    return found instanceof Mismatch ? undefined : found
  }

export const decode =
  <A>(of: Shape<A>) =>
  (value: unknown): Effect.Effect<A, Mismatch> =>
    Effect.suspend(() => {
      const found = attempt(of, value)
      return found instanceof Mismatch ? Effect.fail(found) : Effect.succeed(found)
    })
