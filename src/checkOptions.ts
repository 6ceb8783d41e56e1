/** Refuses options that cannot be used, before anything is opened. */
import * as Effect from "effect/Effect"
import type { PullerOptions } from "./config.ts"
import { InvalidOption } from "./errors.ts"

const choices = {
  ownership: ["xattr", "chown", "none"],
  statFormat: ["seed", "containers"],
  layout: ["layers", "overlay", "rootfs"],
  overlayAttributes: ["trusted", "user"],
  durability: ["crash", "power"]
} as const

/** The least that each number may be; of `limits`, infinity is no limit. */
const numbers = {
  concurrency: 1,
  workers: 1,
  partialsFor: 0,
  limits: 0,
  timeouts: 1,
  retry: 0
} as const

const checkNumber = (option: string, value: unknown, least: number) => {
  const endless = option.startsWith("limits.") && typeof value === "number" && value >= least
  if (value === undefined || endless || (Number.isInteger(value) && Number(value) >= least)) return []
  return [new InvalidOption({ option, problem: `is not a whole number of ${least} or more` })]
}

const invalid = (options: PullerOptions): ReadonlyArray<InvalidOption> => [
  ...Object.entries(choices).flatMap(([option, allowed]) => {
    const value: unknown = options[option as keyof typeof choices]
    if (value === undefined || allowed.some((it) => it === value)) return []
    return [new InvalidOption({ option, problem: `is none of ${allowed.join(", ")}` })]
  }),
  ...Object.entries(numbers).flatMap(([option, least]) => {
    const value = options[option as keyof typeof numbers]
    if (typeof value !== "object" || value === null) return checkNumber(option, value, least)
    return Object.entries(value).flatMap(([key, part]) => checkNumber(`${option}.${key}`, part, least))
  })
]

export const checkOptions = (options: PullerOptions): Effect.Effect<void, InvalidOption> => {
  const [first] = invalid(options)
  return first === undefined ? Effect.void : Effect.fail(first)
}
