/** Which references may be pulled from the other side. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { format, parse } from "../image/reference/Reference.ts"
import { parseLocal } from "../source/file/LocalReference.ts"
import type { ServeOptions } from "./ServeOptions.ts"

const matches = (reference: string) => (pattern: string) => {
  if (pattern.endsWith("*")) return reference.startsWith(pattern.slice(0, -1))
  return reference === pattern || reference.startsWith(`${pattern}:`) || reference.startsWith(`${pattern}@`)
}

/** An invalid reference is allowed: the pull refuses it, and says why. */
export const isAllowed = async (text: string, { allow }: ServeOptions): Promise<boolean> => {
  const local = await Effect.runPromise(Effect.result(parseLocal(text)))
  if (Result.isFailure(local) || local.success !== undefined) return false
  const parsed = await Effect.runPromise(Effect.result(parse(text)))
  if (Result.isFailure(parsed)) return true
  const reference = format(parsed.success)
  return typeof allow === "function" ? allow(reference) : allow.some(matches(reference))
}
