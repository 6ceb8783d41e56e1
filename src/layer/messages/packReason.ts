/** Packs a reason for a message between threads, which cannot hold classes. */
import { isError } from "../../api/codeOf.ts"
import { isReason, type Reason, reasons, WorkerDied } from "../../api/errors.ts"

/** The fields of a reason, without those that its class adds. */
export interface PackedReason {
  readonly tag: string
  readonly fields: Readonly<Record<string, unknown>>
}

const added = new Set(["_tag", "name", "message", "stack", "isRetryable"])

const cloneable = (value: unknown): unknown =>
  isError(value) ? new Error(value.message) : typeof value === "function" ? undefined : value

export const packReason = (error: unknown, digest: string): PackedReason => {
  if (!isReason(error)) {
    const problem = isError(error) ? (error.stack ?? error.message) : String(error)
    return { tag: "WorkerDied", fields: { digest, problem } }
  }
  const fields = Object.getOwnPropertyNames(error).filter((key) => !added.has(key))
  return {
    tag: error._tag,
    fields: Object.fromEntries(fields.map((key) => [key, cloneable(Reflect.get(error, key))]))
  }
}

export const unpackReason = ({ tag, fields }: PackedReason): Reason => {
  const Made = Object.hasOwn(reasons, tag) ? reasons[tag as keyof typeof reasons] : WorkerDied
  return new (Made as unknown as new (fields: unknown) => Reason)(fields)
}
