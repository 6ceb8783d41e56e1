/** Refuses options that cannot be used, before anything is opened. */
import * as Effect from "effect/Effect"
import { layoutNames } from "../layer/layout/layouts.ts"
import type { ListOptions } from "../store/catalogue/ImageRecord.ts"
import { checkCredentials } from "./checkCredentials.ts"
import { checkNetwork } from "./checkNetwork.ts"
import { defaultLimits, defaultRetry, defaultTimeouts, type PullerOptions, type PullOptions } from "./config.ts"
import { InvalidOption, printable } from "./errors.ts"

const choices = {
  access: ["private", "readable", "writable"],
  ownership: ["xattr", "chown", "none"],
  statFormat: ["seed", "containers"],
  layout: layoutNames,
  overlayAttributes: ["trusted", "user"],
  durability: ["crash", "power"]
} as const

/** The least that each number may be. */
const numbers = { concurrency: 1, workers: 1, partialsFor: 0, connections: 1, ranges: 1 } as const

/** The same of each number in a group; of `limits` and of the whole time, infinity is no limit. */
const groups = {
  limits: { least: 0, known: Object.keys(defaultLimits) },
  timeouts: { least: 1, known: Object.keys(defaultTimeouts) },
  retry: { least: 0, known: Object.keys(defaultRetry) }
} as const

/** Node's timers count no further: beyond, they go off at once. */
const longest = 2 ** 31 - 1

/** Of a group's numbers, those that may be none. */
const leastOf: Readonly<Record<string, number>> = { "timeouts.minimumRate": 0 }

const checkNumber = (option: string, value: unknown, least: number) => {
  const endless =
    (option.startsWith("limits.") && typeof value === "number" && value >= least) ||
    (option === "timeouts.total" && value === Number.POSITIVE_INFINITY)
  const most = option.startsWith("timeouts.") ? longest : Number.POSITIVE_INFINITY
  if (value === undefined || endless) return []
  if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most) return []
  const range = most === longest ? `from ${least} to ${longest}` : `of ${least} or more`
  return [new InvalidOption({ option, problem: `is not a whole number ${range}` })]
}

const checkGroup = (group: keyof typeof groups, given: unknown) => {
  const { least, known } = groups[group]
  if (given === undefined) return []
  if (typeof given !== "object" || given === null)
    return [new InvalidOption({ option: group, problem: `is no object of ${known.join(", ")}` })]
  return Object.entries(given).flatMap(([key, value]) => {
    const option = `${group}.${printable(key, 40)}`
    return known.includes(key)
      ? checkNumber(option, value, leastOf[option] ?? least)
      : [new InvalidOption({ option, problem: `is none of ${known.join(", ")}` })]
  })
}

const checkChoices = (given: object, choices: Readonly<Record<string, ReadonlyArray<string>>>) =>
  Object.entries(choices).flatMap(([option, known]) => {
    const value: unknown = Reflect.get(given, option)
    if (value === undefined || known.some((it) => it === value)) return []
    return [new InvalidOption({ option, problem: `is none of ${known.join(", ")}` })]
  })

/** A misspelt key would silently be the default: of `platform`, another image. */
const checkKeys = (given: object, known: Readonly<Record<string, true>>) =>
  Object.keys(given)
    .filter((key) => !Object.hasOwn(known, key))
    .map((key) => {
      const problem = `is none of ${Object.keys(known).join(", ")}`
      return new InvalidOption({ option: printable(key, 40), problem })
    })

const pullerOptions: Record<keyof PullerOptions, true> = {
  root: true,
  layersDir: true,
  access: true,
  keepBlobs: true,
  ownership: true,
  statFormat: true,
  layout: true,
  overlayAttributes: true,
  durability: true,
  partialsFor: true,
  concurrency: true,
  ranges: true,
  workers: true,
  plainHttp: true,
  credentials: true,
  hosts: true,
  hostsDirs: true,
  proxy: true,
  connections: true,
  limits: true,
  timeouts: true,
  retry: true
}

const paths = ["root", "layersDir", "keepBlobs"] as const

/** An empty path would be the working directory. */
const checkPaths = (options: PullerOptions) =>
  paths.flatMap((option) => {
    const value: unknown = options[option]
    if (value === undefined || (typeof value === "string" && value !== "" && !value.includes("\0"))) return []
    return [new InvalidOption({ option, problem: "is no path of a directory" })]
  })

const invalid = (options: PullerOptions): ReadonlyArray<InvalidOption> => [
  ...checkKeys(options, pullerOptions),
  ...checkChoices(options, choices),
  ...(Object.keys(numbers) as ReadonlyArray<keyof typeof numbers>).flatMap((option) =>
    checkNumber(option, options[option], numbers[option])
  ),
  ...(Object.keys(groups) as ReadonlyArray<keyof typeof groups>).flatMap((group) => checkGroup(group, options[group])),
  ...checkPaths(options),
  ...checkCredentials(options.credentials),
  ...checkNetwork(options)
]

const pullOptions: Record<keyof PullOptions, true> = {
  platform: true,
  policy: true,
  preflight: true,
  name: true,
  input: true
}
const pullChoices = { policy: ["missing", "always", "never"], preflight: ["warn", "refuse", "off"] } as const

/** The same for what is given to one pull. */
export const checkPullOptions = (options: PullOptions): Effect.Effect<void, InvalidOption> => {
  const [first] = [...checkKeys(options, pullOptions), ...checkChoices(options, pullChoices)]
  return first === undefined ? Effect.void : Effect.fail(first)
}

const listOptions: Record<keyof ListOptions, true> = { limit: true, after: true }

/** The same for what is asked of a list. */
export const checkListOptions = (options: ListOptions): Effect.Effect<void, InvalidOption> => {
  const [first] = [...checkKeys(options, listOptions), ...checkNumber("limit", options.limit, 1)]
  return first === undefined ? Effect.void : Effect.fail(first)
}

export const checkOptions = (options: PullerOptions): Effect.Effect<void, InvalidOption> => {
  if (typeof options !== "object" || options === null)
    return Effect.fail(new InvalidOption({ option: "(all)", problem: "are no object" }))
  const [first] = invalid(options)
  return first === undefined ? Effect.void : Effect.fail(first)
}
