/** Whether something has the shape of credentials: an environment variable that is not set must not become a 401. */
import { isRedacted } from "effect/Redacted"
import { InvalidOption } from "./errors.ts"
import { printable } from "./printable.ts"

const shapes = [["username", "password"], ["identityToken"], ["registryToken"]] as const

const isText = (value: unknown) => typeof value === "string" || isRedacted(value)

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** What is wrong; never a value, which is a secret. */
export const credentialsProblem = (value: unknown): string | undefined => {
  if (!isObject(value)) return `is ${value === null ? "null" : "no object"}`
  const shape = shapes.find(([first]) => Object.hasOwn(value, first))
  if (shape === undefined) {
    const given = Object.keys(value).map((key) => printable(key, 40))
    return `has neither username and password, nor identityToken, nor registryToken${given.length === 0 ? "" : `, but ${given.join(", ")}`}`
  }
  const missing = shape.find((key) => (key === "username" ? typeof value[key] !== "string" : !isText(value[key])))
  if (missing !== undefined) return `has no ${missing} that is text`
  const foreign = Object.keys(value).find((key) => !shape.some((it) => it === key))
  return foreign === undefined ? undefined : `has ${printable(foreign, 40)} beside ${shape.join(" and ")}`
}

/** The option `credentials`: a table by registry, or a function. */
export const checkCredentials = (given: unknown): ReadonlyArray<InvalidOption> => {
  if (given === undefined || typeof given === "function") return []
  if (!isObject(given))
    return [new InvalidOption({ option: "credentials", problem: "is neither a table nor a function" })]
  return Object.entries(given).flatMap(([host, value]) => {
    const problem = credentialsProblem(value)
    return problem === undefined
      ? []
      : [new InvalidOption({ option: `credentials[${JSON.stringify(printable(host, 100))}]`, problem })]
  })
}
