/** Lists and objects, and the keys of objects. */
import { isObject } from "../isObject.ts"
import { type Form, Mismatch, orUndefined, type Path, type Shape, shape } from "./reading.ts"

export interface Optional<out A> extends Shape<A> {
  readonly isOptional: true
}

const List = <A>(of: Shape<A>): Shape<ReadonlyArray<A>> =>
  shape({ kind: "list", item: of.form }, (value, at) => {
    if (!Array.isArray(value)) throw new Mismatch("Expected array", at)
    return value.map((each, key) => of.read(each, { key, up: at }))
  })

export { List as Array }

const objectOf = (value: unknown, at: Path | undefined) => {
  if (isObject(value)) return value
  throw new Mismatch("Expected object", at)
}

/** Values by a name that the document chooses. */
export const Record = <A>(of: Shape<A>): Shape<Readonly<Record<string, A>>> =>
  shape({ kind: "other" }, (value, at) =>
    Object.fromEntries(
      Object.entries(objectOf(value, at)).map(([key, each]) => [key, of.read(each, { key, up: at })] as const)
    )
  )

type Fields = Readonly<Record<string, Shape<unknown>>>
type Optionals<F extends Fields> = { [K in keyof F]: F[K] extends Optional<unknown> ? K : never }[keyof F]
type Flat<A> = { [K in keyof A]: A[K] }
export type StructOf<F extends Fields> = Flat<
  { readonly [K in Exclude<keyof F, Optionals<F>>]: F[K]["Type"] } & {
    readonly [K in Optionals<F>]?: F[K]["Type"]
  }
>

const readField = (field: Shape<unknown>, given: unknown, at: Path): unknown => {
  if (given === undefined && field.absent !== undefined) return field.absent.value
  if (given === undefined && field.form.kind !== "other") throw new Mismatch("Missing key", at)
  return field.read(given, at)
}

/** An object with these keys. Others are left out, unless it is `open`. */
export const Struct = <const F extends Fields>(
  fields: F,
  { open = false } = {}
): Shape<StructOf<F>> & { readonly fields: F } => {
  const all = Object.entries(fields).map(([name, field]) => ({ name, field, key: field.key ?? name }))
  const form: Form = { kind: "object", fields: new Map(all.map(({ key, field }) => [key, field.form])) }
  const read = (value: unknown, at?: Path): StructOf<F> => {
    const given = objectOf(value, at)
    const made: Record<string, unknown> = open ? { ...given } : {}
    for (const { name, field, key } of all) {
      const found = readField(field, Object.hasOwn(given, key) ? given[key] : undefined, { key, up: at })
      if (found !== undefined) made[name] = found
    }
    return made as StructOf<F>
  }
  return { ...shape(form, read), fields }
}

/** A key that may be absent. */
export const optionalKey = <A>(of: Shape<A>): Optional<A> => ({ ...of, absent: { value: undefined }, isOptional: true })

/** A key that may be absent. A value that makes no sense counts as absent. */
export const advice = <A>(of: Shape<A>): Optional<A> => ({
  ...optionalKey(of),
  read: orUndefined(of) as Shape<A>["read"]
})

/** A key that has this value where it is absent. */
export const withDefault = <A>(of: Shape<A>, value: A): Shape<A> => ({ ...of, absent: { value } })

/** A field that has another name in the document. */
export const fromKey = <S extends Shape<unknown>>(key: string, of: S): S => ({ ...of, key })
