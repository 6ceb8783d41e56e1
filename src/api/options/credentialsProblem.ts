/** Whether something has the shape of credentials: an environment variable that is not set must not become a 401. */
import { isRedacted } from "effect/Redacted"
import { printable } from "../printable.ts"

const shapes = [["username", "password"], ["identityToken"], ["registryToken"]] as const
const known = "username and password, or identityToken, or registryToken"

const isText = (value: unknown) => typeof value === "string" || isRedacted(value)

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** What is wrong; never a value, which is a secret. */
export const credentialsProblem = (value: unknown): string | undefined => {
  if (!isObject(value)) return `must be an object with ${known}`
  const shape = shapes.find(([first]) => Object.hasOwn(value, first))
  if (shape === undefined) {
    const given = Object.keys(value).map((key) => printable(key, 40))
    return `must have ${known}${given.length === 0 ? "" : `; it has ${given.join(", ")}`}`
  }
  const missing = shape.find((key) => (key === "username" ? typeof value[key] !== "string" : !isText(value[key])))
  if (missing !== undefined) return `must have ${missing}, as text`
  const foreign = Object.keys(value).find((key) => !shape.some((it) => it === key))
  return foreign === undefined ? undefined : `must not have ${printable(foreign, 40)} beside ${shape.join(" and ")}`
}
