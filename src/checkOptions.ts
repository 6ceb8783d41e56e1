/** Refuses options that cannot be used, before anything is opened. */
import * as Effect from "effect/Effect"
import { defaultLimits, defaultRetry, defaultTimeouts, type PullerOptions } from "./config.ts"
import { InvalidOption, printable } from "./errors.ts"

const choices = {
  ownership: ["xattr", "chown", "none"],
  statFormat: ["seed", "containers"],
  layout: ["layers", "overlay", "rootfs"],
  overlayAttributes: ["trusted", "user"],
  durability: ["crash", "power"]
} as const

/** The least that each number may be. */
const numbers = { concurrency: 1, workers: 1, partialsFor: 0, connections: 1 } as const

/** The same of each number in a group; of `limits`, infinity is no limit. */
const groups = {
  limits: { least: 0, known: Object.keys(defaultLimits) },
  timeouts: { least: 1, known: Object.keys(defaultTimeouts) },
  retry: { least: 0, known: Object.keys(defaultRetry) }
} as const

const checkNumber = (option: string, value: unknown, least: number) => {
  const endless = option.startsWith("limits.") && typeof value === "number" && value >= least
  if (value === undefined || endless || (Number.isInteger(value) && Number(value) >= least)) return []
  return [new InvalidOption({ option, problem: `is not a whole number of ${least} or more` })]
}

const checkGroup = (group: keyof typeof groups, given: unknown) => {
  const { least, known } = groups[group]
  if (given === undefined) return []
  if (typeof given !== "object" || given === null)
    return [new InvalidOption({ option: group, problem: `is no object of ${known.join(", ")}` })]
  return Object.entries(given).flatMap(([key, value]) => {
    const option = `${group}.${printable(key, 40)}`
    return known.includes(key)
      ? checkNumber(option, value, least)
      : [new InvalidOption({ option, problem: `is none of ${known.join(", ")}` })]
  })
}

const invalid = (options: PullerOptions): ReadonlyArray<InvalidOption> => [
  ...(Object.keys(choices) as ReadonlyArray<keyof typeof choices>).flatMap((option) => {
    const value: unknown = options[option]
    if (value === undefined || choices[option].some((it) => it === value)) return []
    return [new InvalidOption({ option, problem: `is none of ${choices[option].join(", ")}` })]
  }),
  ...(Object.keys(numbers) as ReadonlyArray<keyof typeof numbers>).flatMap((option) =>
    checkNumber(option, options[option], numbers[option])
  ),
  ...(Object.keys(groups) as ReadonlyArray<keyof typeof groups>).flatMap((group) => checkGroup(group, options[group]))
]

export const checkOptions = (options: PullerOptions): Effect.Effect<void, InvalidOption> => {
  const [first] = invalid(options)
  return first === undefined ? Effect.void : Effect.fail(first)
}
