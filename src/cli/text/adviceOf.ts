/** What to do about a failure, as somebody at the command line can do it: a reason's advice speaks of the library's options. */
import type { Reason } from "../../api/errors.ts"

/** Where a flag is not what a sentence says of the option. */
const phrases: ReadonlyArray<readonly [option: string, flag: string]> = [
  ["set `plainHttp: false`", "run without --plain-http"]
]

/** Options, and methods of the client, by their flag or command. */
const flags: Readonly<Record<string, string>> = {
  root: "--root",
  layersDir: "--layers-dir",
  keepBlobs: "--keep-blobs",
  name: "--name",
  only: "--only",
  strip: "--strip",
  layout: "--layout",
  ranges: "--ranges",
  hostsDirs: "--hosts-dir",
  limit: "--limit",
  after: "--after",
  unusedFor: "--unused-for",
  keepBytes: "--keep",
  partialsFor: "--partials-for",
  plainHttp: "--plain-http",
  "retry.maxWait": "--max-wait",
  "timeouts.total": "--timeout",
  platform: "--platform",
  concurrency: "--concurrency",
  preflight: "preflight (--preflight off)",
  policy: "--policy",
  partial: "--partial",
  access: "--access",
  prune: "ociflow prune",
  images: "ociflow images",
  repair: "--repair",
  verify: "ociflow verify",
  artifact: "ociflow artifact pull",
  readFile: "ociflow cat",
  list: "ociflow ls",
  artifactType: "--artifact-type",
  accept: "--accept",
  format: "--format",
  user: "--user",
  directory: "DIR",
  args: "ARG"
}

const ofHost: Readonly<Record<string, (registry: string) => string>> = {
  plainHttp: () => "--plain-http",
  ca: (registry) => `--ca ${registry}=FILE`,
  client: (registry) => `--client-cert ${registry}=FILE`,
  trustedHosts: (registry) => `--trusted-host ${registry}=HOST`,
  mirrors: (registry) => `--mirror ${registry}=URL`
}

const flagOf = (option: string): string => {
  const [, registry, setting] = /^hosts\["(.*)"\]\.(\w+)(?:\[\d+\].*)?$/.exec(option) ?? []
  const flag = registry === undefined ? flags[option] : ofHost[setting ?? ""]?.(registry)
  if (option.startsWith("--")) return option
  // Some can be set by a program only.
  return flag ?? (/^[a-z]+(?:\.|[A-Z])/.test(option) ? `the library's option ${option}` : `\`${option}\``)
}

export const adviceOf = ({ advice }: Reason): string =>
  phrases
    .reduce((text, [option, flag]) => text.replaceAll(option, flag), advice)
    .replace(/`([^`]+)`/g, (_, option: string) => flagOf(option))

/** What went wrong, likewise: the option of an `InvalidOption` is a flag there. */
export const messageFor = ({ _tag, message }: Reason): string =>
  _tag === "InvalidOption" ? message.replace(/^option `([^`]+)`/, (_, option: string) => flagOf(option)) : message
