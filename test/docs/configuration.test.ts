/** The tables of docs/configuration.md, and the docstrings of the options, are what the tables of the source say. */
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { reasons } from "../../src/api/errors.ts"
import { watching } from "../../src/api/options/calls.ts"
import { optionsOf } from "../../src/api/options/checkOptions.ts"
import { limits, pulls, retry, timeouts } from "../../src/api/options/client.ts"
import type { AnyTable } from "../../src/api/options/Kind.ts"
import { hostOptions, mirrorOptions, proxyOptions } from "../../src/api/options/network.ts"
import { identityRequirement, keyRequirement, ruleOptions, rulesOptions } from "../../src/api/options/signatures.ts"

const file = join(import.meta.dirname, "../../docs/configuration.md")
const page = await readFile(file, "utf8")
const config = join(import.meta.dirname, "../../src/api/config")
const source = (await Promise.all((await readdir(config)).map((name) => readFile(join(config, name), "utf8")))).join(
  "\n"
)

const row = (...cells: ReadonlyArray<string>) => `| ${cells.map((it) => it.replaceAll("|", "\\|")).join(" | ")} |`
const rows = (table: AnyTable) =>
  Object.entries(table).map(([name, { kind, default: given, does, see, errors = [] }]) => {
    const codes = errors.map((it) => `\`${it}\``).join(", ")
    const about = [see === undefined ? does : `${does} (${see})`, codes].filter(Boolean).join("; ")
    return row(`\`${name}\``, kind.values, given, about)
  })
const tableOf = (table: AnyTable) => {
  const hasErrors = Object.values(table).some(({ errors }) => errors !== undefined)
  const about = hasErrors ? "what it does, and the error it can lead to" : "what it does"
  return [row("option", "unit, values", "default", about), "|---|---|---|---|", ...rows(table)].join("\n")
}
const limitsOf = (table: AnyTable) =>
  [
    row("option", "unit", "default"),
    "|---|---|---|",
    ...Object.entries(table).map(([name, { default: given, does }]) => row(`\`${name}\``, does, given))
  ].join("\n")

/** By the heading that a table stands under. */
const tables: Readonly<Record<string, string>> = {
  "Client options": tableOf(optionsOf.open),
  "Host options": tableOf(hostOptions),
  "Mirror options": tableOf(mirrorOptions),
  "Proxy options": tableOf(proxyOptions),
  "Pull options": tableOf(optionsOf.pull),
  "Options of every call": tableOf(watching),
  "Options of `entries$`": tableOf(optionsOf.entries$),
  "Options of `artifact`": tableOf(optionsOf.artifact),
  "Options of `blob$`": tableOf(optionsOf.blob$),
  "Options of `bundle`": tableOf(optionsOf.bundle),
  "Options of `config`": tableOf(optionsOf.config),
  "Options of `tree` and `tree$`": tableOf(optionsOf.tree),
  "Options of `export` and `export$`": tableOf(optionsOf.export),
  "Options of `readFile` and `list`": tableOf({ ...optionsOf.list, ...optionsOf.readFile }),
  "Options of `hold`": tableOf(optionsOf.hold),
  "Options of `resolve`, `manifest`, `tags` and `referrers`": tableOf({
    ...optionsOf.resolve,
    ...optionsOf.manifest,
    ...optionsOf.referrers
  }),
  "Options of `images`": tableOf(optionsOf.images),
  "Options of `prune`": tableOf(optionsOf.prune),
  "Options of `verify`": tableOf(optionsOf.verify),
  "Signature options": tableOf(rulesOptions),
  "Signature rules": tableOf(ruleOptions),
  "Signature requirements": tableOf({ ...keyRequirement, ...identityRequirement }),
  Limits: limitsOf(limits),
  "`timeouts`": tableOf(timeouts),
  "`retry`": tableOf(retry),
  "Running pulls": tableOf(pulls)
}

/** The page with its tables as they should be; what stands around them stays. */
const filled = Object.entries(tables).reduce((text, [heading, table]) => {
  const start = Math.max(text.indexOf(`\n## ${heading}\n`), text.indexOf(`\n### ${heading}\n`))
  if (start < 0) return `${text}\n## ${heading}\n\n${table}\n`
  const rest = text.slice(start + 1)
  const next = rest.search(/\n###? /)
  const section = next < 0 ? rest : rest.slice(0, next)
  return text.replace(section, () => section.replace(/^\|.*(?:\n\|.*)*/m, () => table))
}, page)

test("docs/configuration.md says what the tables of the options say", async () => {
  await expect(filled).toMatchFileSnapshot(file)
})

const interfaces: Readonly<Record<string, AnyTable>> = {
  PullerOptions: optionsOf.open,
  HostOptions: hostOptions,
  MirrorOptions: mirrorOptions,
  TlsOptions: hostOptions,
  ProxyOptions: proxyOptions,
  PullOptions: optionsOf.pull,
  Watching: watching,
  EntriesOptions: optionsOf.entries$,
  BlobOptions: optionsOf.blob$,
  BundleOptions: optionsOf.bundle,
  TreeOptions: optionsOf.tree,
  ReadFileOptions: optionsOf.readFile,
  ArtifactOptions: optionsOf.artifact,
  ManifestOptions: optionsOf.manifest,
  ReferrersOptions: optionsOf.referrers,
  ListOptions: optionsOf.images,
  PruneOptions: optionsOf.prune,
  VerifyOptions: optionsOf.verify,
  Limits: limits,
  Timeouts: timeouts,
  RetryOptions: retry,
  PullsOptions: pulls
}

/** Each member of an interface with its docstring, on one line. */
const members = [...source.matchAll(/^export interface (\w+)[^{]*\{\n([\s\S]*?)^\}/gm)]
  .filter(([, name = ""]) => Object.hasOwn(interfaces, name))
  .flatMap(([, of = "", body = ""]) =>
    [...body.matchAll(/(?:^ {2}\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)?^ {2}readonly (\w+)\??:/gm)].map(
      ([, doc = "", name = ""]) => ({
        of,
        name,
        doc: doc
          .replace(/\n\s*\*/g, "")
          .replace(/\s+/g, " ")
          .trim()
      })
    )
  )

describe("the docstring of an option", () => {
  test("is found", () => expect(members.length).toBeGreaterThan(60))

  test.for(members)("$of $name says what the table says", ({ of, name, doc }) => {
    const { does, default: given } = interfaces[of]?.[name] ?? expect.unreachable()
    expect(doc.toLowerCase()).toContain(`${does}.`.toLowerCase())
    if (given !== "" && given !== "see there") expect(doc).toContain(`Default: ${given}.`)
  })
})

test("an option leads to errors that there are", () => {
  for (const table of Object.values(interfaces))
    for (const { errors = [] } of Object.values(table))
      for (const error of errors) expect(Object.keys(reasons)).toContain(error)
})
