/** What reads a value: a function with what can be said of the values before. */
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

/** What can be said of values before they are read. */
export type Form =
  | { readonly kind: "text" | "number" | "boolean" | "other" }
  | { readonly kind: "list"; readonly item: Form }
  | { readonly kind: "object"; readonly fields: ReadonlyMap<string, Form> }
  | { readonly kind: "either"; readonly first: Form }

/** Of a key that may be absent: left out, or with a value in its place. */
interface Absent<out A> {
  readonly value: A | undefined
}

export interface Shape<out A> {
  /** Of types alone. */
  readonly Type: A
  readonly form: Form
  /** Throws `Mismatch`. */
  readonly read: (value: unknown, at?: Path) => A
  readonly absent?: Absent<A>
  /** Where its value makes no sense it counts as absent. */
  readonly isAdvice?: boolean
  /** The key in the document, where that is another one. */
  readonly key?: string
}

export const shape = <A>(form: Form, read: Shape<A>["read"]): Shape<A> => ({ form, read }) as Shape<A>

/** `undefined` if it does not fit. */
export const orUndefined =
  <A>(of: Shape<A>) =>
  (value: unknown): A | undefined => {
    try {
      return of.read(value)
    } catch (error) {
      if (error instanceof Mismatch) return undefined
      throw error
    }
  }

export const decode =
  <A>(of: Shape<A>) =>
  (value: unknown): Effect.Effect<A, Mismatch> =>
    Effect.suspend(() => {
      try {
        return Effect.succeed(of.read(value))
      } catch (error) {
        return error instanceof Mismatch ? Effect.fail(error) : Effect.die(error)
      }
    })
