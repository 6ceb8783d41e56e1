/** `docs/compatibility.md`, made of the tables that the tests go by. */
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
    about: "Each by a registry with what is peculiar to it.",
    rows: registries
  },
  {
    title: "Programs",
    about: "Real programs on the other side, on real images.",
    rows: builders
  },
  {
    title: "Manifests, indexes and configs",
    about:
      "What proves is checked: digests, sizes, the layers of a config, and that a document is of one kind. What a pull does not need is not. ctr is containerd 1.6, skopeo 1.9, podman 4.3; each was given the very input.",
    rows: documents
  },
  { title: "Lists of tags", about: "A list is whole, or an error.", rows: tags },
  {
    title: "Referrers",
    about:
      "Where a registry has no such API, the tag that stands for the digest is asked. What cannot be told is an error.",
    rows: referrers
  },
  { title: "Archives", about: "Whole images in a file, or through a pipe.", rows: archives },
  {
    title: "Layers",
    about: "What builders write into an archive. [Extraction](extraction.md) has the rules.",
    rows: layers
  },
  { title: "Statuses and headers", about: "Bytes beyond ASCII are what they are.", rows: [...redirects, ...tokens] },
  { title: "Bodies", about: "What servers and what stands before them do to an answer.", rows: http },
  {
    title: "Logins",
    about: "What docker's and podman's tools leave. [Registries](registries.md) has the order.",
    rows: logins
  },
  { title: "Messages", about: "What a failure is called.", rows: messageRows },
  {
    title: "Hosts",
    about: "Mirrors, certificates and addresses. [Registries](registries.md) has the options.",
    rows: hosts
  },
  {
    title: "Proxies",
    about: "What the variables may hold. [Registries](registries.md) has the rules.",
    rows: proxies
  },
  {
    title: "Waiting",
    about:
      "How long a pull waits for a server. [Configuration](configuration.md#timeouts-and-retries) has the options.",
    rows: waits
  }
]

const list = (names: ReadonlyArray<string>) => names.join(", ")

const verdict = (verdicts: Verdicts): string => {
  const [take, refuse] = [true, false].map((taken) =>
    Object.entries(verdicts).flatMap(([name, it]) => (it === taken ? [name] : []))
  )
  return [
    ...(take === undefined || take.length === 0 ? [] : [`taken by ${list(take)}`]),
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

What people met with other clients, registries, builders and configurations, tried here: the input, what ociflow does with it,
and what others do. The rule: strict about what proves, lenient about what does not. Where other programs take an input and
nothing is touched that proves, ociflow takes it, too.

Different on purpose:

- **A document that can be read in two ways is refused**: an index with layers, a key in two spellings, an entry that calls a
  manifest an index. Other programs take one reading; another program takes the other (CVE-2021-41190).
- **A list that may have ended early is an error**, never a short list.
- **Nothing refers to an image only where that could be told**: a repository that may not be read is \`AccessDenied\`.
- **What a pull does not need is not checked**: Go programs refuse a whole document for one annotation that is a number.
- **An address that a registry names is as public and as secure as the registry**, unless \`trustedHosts\` says more.
- **Whole archives in xz, bzip2 or lz4 are not read**; the error has the command that undoes them. gzip and zstd are read.

This page is made of the tables that the tests go by. What ctr, skopeo and podman are said to take or refuse was asked of them
with the very input (\`test/interop/compatibility.test.ts\`, \`test/interop/hosts.test.ts\`). After a change of the tables it
is written by \`npx vitest run --config test/vitest.config.ts docs/compatibility -u\`.
`

export const page = (): string => [head, ...sections.map(section)].join("\n")
