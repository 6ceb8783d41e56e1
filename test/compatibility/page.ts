/** `docs/compatibility.md`, made of the tables that the tests go by. */
import { readTable } from "../matrix/table.ts"
import { archives } from "./archives.ts"
import { documents } from "./documents.ts"
import { builders, hosts, http, layers, logins, messageRows, proxies, registries, waits } from "./elsewhere.ts"
import { redirects, tokens } from "./headers.ts"
import { referrers, tags } from "./lists.ts"
import type { Row, Verdicts } from "./Row.ts"

interface Section {
  readonly title: string
  readonly about: string
  readonly rows: ReadonlyArray<Row>
}

export const sections: ReadonlyArray<Section> = [
  {
    title: "Registries",
    about: "Pulled from a test registry that behaves like each of these.",
    rows: registries
  },
  {
    title: "Programs",
    about: "Real programs and real images.",
    rows: builders
  },
  {
    title: "Manifests, indexes and configs",
    about:
      "What the verification depends on is checked: digests, sizes, the layers of a config, and that a document is of one kind. What a pull does not need is not checked. Each input was given to ctr (containerd 1.6), skopeo 1.9 and podman 4.3.",
    rows: documents
  },
  { title: "Lists of tags", about: "A list is complete, or an error.", rows: tags },
  {
    title: "Referrers",
    about:
      "If a registry lacks the referrers API, the fallback tag is read. If the answer cannot be known, it is an error.",
    rows: referrers
  },
  { title: "Archives", about: "Whole images in a file or from a pipe.", rows: archives },
  {
    title: "Layers",
    about: "What builders write into archives. The rules are in [extraction](extraction.md).",
    rows: layers
  },
  { title: "Statuses and headers", about: "Bytes beyond ASCII are kept as they are.", rows: [...redirects, ...tokens] },
  { title: "Bodies", about: "What servers and proxies do to responses.", rows: http },
  {
    title: "Logins",
    about:
      "Logins that docker's and podman's tools have stored. Their order is in [registries](registries.md#credentials).",
    rows: logins
  },
  { title: "Messages", about: "What the error says.", rows: messageRows },
  {
    title: "Hosts",
    about: "Mirrors, certificates and addresses. The options are in [registries](registries.md).",
    rows: hosts
  },
  {
    title: "Proxies",
    about: "Values of the proxy variables. The rules are in [registries](registries.md#proxies).",
    rows: proxies
  },
  {
    title: "Waiting",
    about:
      "How long a pull waits for a server. The options are in [configuration](configuration.md#timeouts-and-retries).",
    rows: waits
  }
]

const list = (names: ReadonlyArray<string>) => names.join(", ")

const verdict = (verdicts: Verdicts): string => {
  const [take, refuse] = [true, false].map((taken) =>
    Object.entries(verdicts).flatMap(([name, it]) => (it === taken ? [name] : []))
  )
  return [
    ...(take === undefined || take.length === 0 ? [] : [`accepted by ${list(take)}`]),
    ...(refuse === undefined || refuse.length === 0 ? [] : [`refused by ${list(refuse)}`])
  ].join("; ")
}

const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("\n", " ")

/** Inputs that are alike in all else share a line. */
const lines = (rows: ReadonlyArray<Row>): ReadonlyArray<string> => {
  const alike = new Map<string, Array<string>>()
  for (const { report, input, behaviour, oracle, because } of rows) {
    const said = typeof oracle === "string" ? oracle : verdict(oracle)
    const why = because === undefined ? "" : `Why: ${because}`
    const rest = `${report === undefined ? "" : ` (${report})`} | ${cell(behaviour)} | ${cell(why === "" ? said : said === "–" ? why : `${said}. ${why}`)} |`
    alike.set(rest, [...(alike.get(rest) ?? []), cell(input)])
  }
  return [...alike].map(([rest, inputs]) => `| ${inputs.join("<br>")}${rest}`)
}

const section = ({ title, about, rows }: Section): string => {
  const laws = [...new Set(rows.map(({ law: [file] }) => file))].map((file) => `\`test/${file}\``)
  return [
    `## ${title}`,
    "",
    `${about} Tests: ${list(laws)}.`,
    "",
    "| input | here | elsewhere |",
    "|---|---|---|",
    ...lines(rows),
    ""
  ].join("\n")
}

const head = `# Compatibility

This page lists inputs that caused problems with other clients, registries, builders and configurations: what ociflow does with
each, and what other programs do. The rule: ociflow is strict about everything that verification depends on, and lenient about the
rest. If other programs accept an input and verification does not depend on the difference, ociflow accepts it too.

Intended differences:

- **A document that can be read in two ways is refused**: an index with layers, a key in two spellings, an entry that calls a
  manifest an index. Other programs choose one reading, and not all the same one (CVE-2021-41190).
- **A list that may be incomplete is an error**, never a short list.
- **An empty list of referrers is returned only if it is certain**: a repository that may not be read is \`AccessDenied\`.
- **What a pull does not need is not checked**: Go programs refuse a whole document because one annotation is a number.
- **An address that a registry points to must be as public and as secure as the registry**, unless \`trustedHosts\` allows it.
- **Whole archives in xz, bzip2 or lz4 are refused**; the error gives the command that decompresses them. gzip and zstd are read.

This page is generated from the tables of the tests. ctr, skopeo and podman were run on the same inputs
(\`test/interop/compatibility.test.ts\`, \`test/interop/hosts.test.ts\`). After changing the tables, generate the page with
\`npx vitest run --config test/vitest.config.ts docs/compatibility -u\`.
`

const matrix = (table: string) => `## Runtimes, package managers, bundlers

The packed package in new projects. Each line is one of them beside the defaults of the others: Node 20, npm, an ES module. Each
project pulls an image of two layers, cancels a pull, and reads an error. \`npm run test:matrix\` runs all of them, and writes
this table with \`--write\`; CI runs some. The bundlers' recipes are in [bundling](bundling.md).

${table}
`

export const page = async (): Promise<string> => [head, matrix(await readTable()), ...sections.map(section)].join("\n")
