/** Refuses options that cannot be used, before anything is done. */
import * as Effect from "effect/Effect"
import { closestMatch } from "leven"
import { InvalidOption } from "../errors.ts"
import {
  artifactOptions,
  blobOptions,
  bundleOptions,
  configOptions,
  entriesOptions,
  exportOptions,
  holdOptions,
  type Login,
  listDirectoryOptions,
  listOptions,
  loginOptions,
  lookOptions,
  manifestOptions,
  pruneOptions,
  pullOptions,
  readFileOptions,
  referrersOptions,
  treeOptions,
  verifyOptions,
  watching
} from "./calls.ts"
import { clientOptions, registryOptions } from "./client.ts"
import { type AnyTable, checkAll, object, type Problem } from "./Kind.ts"

/** The options of each function; all but `open` take those of `Watching` beside them. */
export const optionsOf = {
  open: clientOptions,
  pull: pullOptions,
  "pulls.start": {
    platform: pullOptions.platform,
    policy: pullOptions.policy,
    preflight: pullOptions.preflight
  },
  entries$: entriesOptions,
  artifact: artifactOptions,
  blob$: blobOptions,
  blob: lookOptions,
  config: configOptions,
  readFile: readFileOptions,
  list: listDirectoryOptions,
  tree: treeOptions,
  export$: { ...exportOptions, gate: blobOptions.gate },
  export: exportOptions,
  bundle: bundleOptions,
  resolve: lookOptions,
  manifest: manifestOptions,
  tags: lookOptions,
  referrers: referrersOptions,
  images: listOptions,
  inspect: {},
  kept: {},
  usage: {},
  hold: holdOptions,
  remove: {},
  prune: pruneOptions,
  verify: verifyOptions,
  login: {},
  logout: {},
  openRegistry: registryOptions,
  "registry.resolve": {},
  "registry.manifest": { platform: manifestOptions.platform },
  "registry.config": { platform: configOptions.platform },
  "registry.tags": {},
  "registry.referrers": { artifactType: referrersOptions.artifactType },
  "registry.artifact": {
    artifactType: artifactOptions.artifactType,
    accept: artifactOptions.accept,
    platform: artifactOptions.platform
  },
  "registry.blob$": { gate: blobOptions.gate },
  "registry.blob": {}
} as const satisfies Readonly<Record<string, AnyTable>>

export type FunctionName = keyof typeof optionsOf

/** What makes a client takes no `Watching`. */
const opens: ReadonlySet<string> = new Set<FunctionName>(["open", "openRegistry"])

/** Letters that a name may be off, of a name as long as this: `rot` is `root`, and `a` is not `ca`. */
const mistakes = (name: string) => Math.min(3, Math.floor(name.length / 2))

const suggestionFor = (option: string, known: ReadonlyArray<string>): string | undefined => {
  const folded = new Map(known.map((it) => [it.toLowerCase(), it]))
  const name = option.slice(option.lastIndexOf(".") + 1)
  const closest = closestMatch(option.toLowerCase(), [...folded.keys()], { maxDistance: mistakes(name) })
  return closest === undefined ? undefined : folded.get(closest)
}

const invalid = ({ option, problem, known }: Problem): InvalidOption => {
  if (known === undefined) return new InvalidOption({ option, problem })
  const suggestion = suggestionFor(option, known)
  return new InvalidOption({ option, problem, known, ...(suggestion === undefined ? {} : { suggestion }) })
}

const invalidIn = (table: AnyTable, given: unknown): InvalidOption | undefined => {
  const [first] = given === undefined ? [] : checkAll(table, given)
  return first === undefined ? undefined : invalid(first)
}

/** The first thing that is wrong. */
export const invalidOption = (name: FunctionName, given: unknown): InvalidOption | undefined =>
  invalidIn(opens.has(name) ? optionsOf[name] : { ...optionsOf[name], ...watching }, given)

/** Gives what was given, once it is right; `undefined` means no options. */
export const checkOptions = <A extends object>(
  name: FunctionName,
  given: A | undefined
): Effect.Effect<A, InvalidOption> => {
  const problem = invalidOption(name, given)
  return problem === undefined ? Effect.succeed(given ?? ({} as A)) : Effect.fail(problem)
}

/** What `login` is given: who logs in, and how the registry is reached. */
export const checkLogin = (credentials: unknown, options: unknown): Effect.Effect<void, InvalidOption> => {
  const [problem] = object<Login>(loginOptions, "login", "username", "password").check("credentials", credentials)
  const wrong = problem === undefined ? invalidOption("open", options) : invalid(problem)
  return wrong === undefined ? Effect.void : Effect.fail(wrong)
}
