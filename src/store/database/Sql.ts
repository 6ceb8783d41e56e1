/**
 * Statements as templates, and transactions: as much of `effect/sql` as the catalogue needs, by its names. `effect/sql` would load
 * Schema and streams, 100 modules in all; our statements are synchronous and return few rows.
 *
 *     sql`SELECT id FROM layers WHERE digest = ${digest}`      a value is a parameter
 *     sql`INSERT INTO layers ${sql.insert(row)} ${more}`       a fragment is a part of the statement
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { messageOf } from "../../api/codeOf.ts"

export class SqlError extends Data.TaggedError("SqlError")<{
  readonly message: string
  readonly cause: unknown
}> {}

/** What SQLite threw. */
export const sqlError = (cause: unknown): SqlError => new SqlError({ message: messageOf(cause), cause })

const fragment = Symbol("ociflow/store/fragment")

/** A part of a statement, with the values of its parameters. */
export interface Fragment {
  readonly [fragment]: { readonly text: string; readonly values: ReadonlyArray<unknown> }
}

export type Row = Readonly<Record<string, unknown>>

/** Runs when it is yielded; as a part of another statement it does not. */
export interface Statement<A> extends Effect.Effect<ReadonlyArray<A>, SqlError>, Fragment {}

export interface Sql {
  <A extends object = Row>(text: TemplateStringsArray, ...values: ReadonlyArray<unknown>): Statement<A>
  /** The name of a table. */
  (name: string): Fragment
  /** Columns and values of one row. */
  readonly insert: (row: Row) => Fragment
  /** A statement without parameters, as it stands. */
  readonly unsafe: <A extends object = Row>(text: string) => Statement<A>
  /** Commits where the effect succeeds, else rolls back. */
  readonly withTransaction: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SqlError, R>
}

/** The open database. */
export class SqlClient extends Context.Service<SqlClient, Sql>()("ociflow/store/SqlClient") {}

const part = (text: string, values: ReadonlyArray<unknown> = []): Fragment => ({ [fragment]: { text, values } })

const isFragment = (value: unknown): value is Fragment =>
  typeof value === "object" && value !== null && fragment in value

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

const joined = (texts: ReadonlyArray<string>, values: ReadonlyArray<unknown>): Fragment[typeof fragment] => {
  const parts = values.map((value) => (isFragment(value) ? value[fragment] : { text: "?", values: [value] }))
  return {
    text: texts.map((text, at) => text + (parts[at]?.text ?? "")).join(""),
    values: parts.flatMap((it) => it.values)
  }
}

/** `run` executes a statement synchronously; it throws SQLite's error. */
export const makeSql = (run: (text: string, values: ReadonlyArray<unknown>) => ReadonlyArray<object>): Sql => {
  const statement = <A extends object>(whole: Fragment[typeof fragment]): Statement<A> =>
    Object.assign(
      Effect.try({
        try: () => run(whole.text, whole.values) as ReadonlyArray<A>,
        catch: sqlError
      }),
      { [fragment]: whole }
    )
  const unsafe = <A extends object = Row>(text: string) => statement<A>({ text, values: [] })
  const withTransaction: Sql["withTransaction"] = (effect) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        yield* unsafe("BEGIN")
        const result = yield* restore(effect).pipe(Effect.onError(() => Effect.ignore(unsafe("ROLLBACK"))))
        yield* unsafe("COMMIT")
        return result
      })
    )
  const sql = (text: string | TemplateStringsArray, ...values: ReadonlyArray<unknown>) =>
    typeof text === "string" ? part(quoted(text)) : statement(joined(text, values))
  const insert = (row: Row) => {
    const names = Object.keys(row)
    return part(`(${names.map(quoted).join(",")}) VALUES (${names.map(() => "?").join(",")})`, Object.values(row))
  }
  return Object.assign(sql as Sql, { insert, unsafe, withTransaction })
}
