/** Kinds of values that an option may have: each checks a value, and says how the documentation and an error name it. */

/** What is wrong with an option. No value is shown: it may be a secret. */
export interface Problem {
  readonly option: string
  /** After the option's name: `must be true or false`. */
  readonly problem: string
  /** There is no such option; these there are. */
  readonly known?: ReadonlyArray<string>
}

export type Check = (option: string, value: unknown) => ReadonlyArray<Problem>

/** A kind of values, of whatever type. */
export interface AnyKind {
  readonly form: "number" | "choice" | "boolean" | "path" | "text" | "list" | "record" | "object" | "other"
  /** The values as the documentation shows them: a unit and a range, or a list. */
  readonly values: string
  readonly check: Check
  /** The smallest value of a number. */
  readonly least?: number
  readonly most?: number
  /** The options of an object. */
  readonly table?: AnyTable
}

/** A kind of values of the type `A`, and of no other: a table that does not fit its interface does not compile. */
export interface Kind<in out A> extends AnyKind {
  readonly _A?: (value: A) => A
}

/** An option of whatever type. */
export interface AnyOption {
  readonly kind: AnyKind
  /** Markdown; empty for an option without a default. */
  readonly default: string
  /** What it does, as a part of a sentence. The docstring of the interface begins with it. */
  readonly does: string
  /** Markdown for the documentation alone: where to read more. */
  readonly see?: string
  /** Reasons that it may lead to. */
  readonly errors?: ReadonlyArray<string>
}

export interface Option<in out A> extends AnyOption {
  readonly kind: Kind<A>
}

/** Every option of the interface `A`. */
export type Table<A> = { readonly [K in keyof A]-?: Option<Exclude<A[K], undefined>> }
export type AnyTable = Readonly<Record<string, AnyOption>>

/** No wider: what a stranger wrote may be of any length. */
const longestName = 100

/** Without what a terminal obeys. `printable` strikes secrets as well, which a name of an option is not. */
const shown = (name: string): string => name.replace(/[\p{C}\u2028\u2029]+/gu, " ").slice(0, longestName)

/** `{}`, or an instance of a class: no array, no `Promise` that nobody awaited, no `Map`. */
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && Object.prototype.toString.call(value) === "[object Object]"

const isText = (value: unknown): value is string => typeof value === "string"

const must =
  (holds: (value: unknown) => boolean, be: string): Check =>
  (option, value) =>
    holds(value) ? [] : [{ option, problem: `must be ${be}` }]

const listed = (words: ReadonlyArray<string>, last: string): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} ${last} ${words.at(-1)}`

/** A whole number, unless it may be a `fraction`; `endless`: or `Infinity`, which is no limit. */
export const number = (
  unit: string,
  least: number,
  { most = Number.POSITIVE_INFINITY, endless = false, fraction = false, values = "" } = {}
): Kind<number> => {
  const range = most === Number.POSITIVE_INFINITY ? `${least} or more` : `${least} to ${most}`
  const holds = (value: number) =>
    value === Number.POSITIVE_INFINITY
      ? endless
      : (fraction ? Number.isFinite(value) : Number.isSafeInteger(value)) && value >= least && value <= most
  return {
    form: "number",
    values: values !== "" ? values : least === 0 ? unit : `${unit}, ${range}`,
    least,
    most,
    check: must(
      (value) => typeof value === "number" && holds(value),
      `a ${fraction ? "" : "whole "}number of ${unit}, ${range}${endless ? ", or Infinity" : ""}`
    )
  }
}

export const choice = <const A extends ReadonlyArray<string>>(
  ...choices: A
): Kind<A[number]> & { readonly choices: A } => ({
  form: "choice",
  values: choices.map((it) => `\`${it}\``).join(", "),
  choices,
  check: must((value) => choices.some((it) => it === value), listed(choices, "or"))
})

export const boolean: Kind<boolean> = {
  form: "boolean",
  values: "boolean",
  check: must((value) => typeof value === "boolean", "true or false")
}

/** An empty path would be the working directory. */
export const path: Kind<string> = {
  form: "path",
  values: "path",
  check: must((value) => isText(value) && value !== "" && !value.includes("\0"), "a path, and not empty")
}

export const text = (
  values: string,
  be = "text, and not empty",
  holds = (value: string) => value !== ""
): Kind<string> => ({
  form: "text",
  values,
  check: must((value) => isText(value) && holds(value), be)
})

export const other = <A>(values: string, be: string, holds: (value: unknown) => boolean): Kind<A> => ({
  form: "other",
  values,
  check: must(holds, be)
})

/** One kind or another; `be` says of a value that is neither what it must be. */
export const either = <A, B>(
  one: Kind<A>,
  isOne: (value: unknown) => boolean,
  another: Kind<B>,
  be: string
): Kind<A | B> => ({
  form: "other",
  values: `${one.values}, or ${another.values}`,
  check: (option, value) =>
    (isOne(value) ? one : another)
      .check(option, value)
      .map((it) => (it.option === option ? { option, problem: `must be ${be}` } : it))
})

export const list = <A>(of: Kind<A>, plural: string, values = plural): Kind<ReadonlyArray<A>> => ({
  form: "list",
  values,
  check: (option, value) =>
    Array.isArray(value)
      ? value.flatMap((it, at) => of.check(`${option}[${at}]`, it))
      : [{ option, problem: `must be an array of ${plural}` }]
})

export const oneOrMore = <A>(of: Kind<A>, plural: string, be: string): Kind<A | ReadonlyArray<A>> => ({
  ...either(list(of, plural), Array.isArray, of, `${be}, or an array of ${plural}`),
  values: plural
})

/** An object whose keys the caller chooses. */
export const record = <A>(
  of: Kind<A>,
  by: string,
  { isName, mayMiss = true }: { readonly isName?: (name: string) => boolean; readonly mayMiss?: boolean } = {}
): Kind<Readonly<Record<string, A>>> => ({
  form: "record",
  values: `by ${by}`,
  check: (option, value) =>
    isObject(value)
      ? Object.entries(value).flatMap(([name, it]) => {
          const named = `${option}[${JSON.stringify(shown(name))}]`
          if (isName?.(name) === false) return [{ option: named, problem: `must be named by ${by}` }]
          return it === undefined && mayMiss ? [] : of.check(named, it)
        })
      : [{ option, problem: `must be an object by ${by}` }]
})

/** Every name, type and range of an object of options. Those of `needed` must be there. */
export const checkTable =
  (table: AnyTable, needed: ReadonlyArray<string> = []) =>
  (prefix: string, value: Readonly<Record<string, unknown>>): ReadonlyArray<Problem> => [
    ...Object.keys(value)
      .filter((name) => !Object.hasOwn(table, name))
      .map((name) => ({
        option: prefix + shown(name),
        problem: "is unknown",
        known: Object.keys(table).map((it) => prefix + it)
      })),
    ...Object.entries(table).flatMap(([name, { kind }]) => {
      const given = value[name]
      if (given !== undefined) return kind.check(prefix + name, given)
      return needed.includes(name) ? [{ option: prefix + name, problem: "is required" }] : []
    })
  ]

export const object = <A>(table: Table<A>, values: string, ...needed: ReadonlyArray<keyof A & string>): Kind<A> => ({
  form: "object",
  values,
  table,
  check: (option, value) =>
    isObject(value)
      ? checkTable(table, needed)(`${option}.`, value)
      : [{ option, problem: `must be an object with ${listed(Object.keys(table), "or")}` }]
})

/** All options that a function was given. */
export const checkAll = (table: AnyTable, given: unknown): ReadonlyArray<Problem> =>
  isObject(given) ? checkTable(table)("", given) : [{ option: "options", problem: "must be an object" }]
