/** What the command line of the suite may say. */
import { parseArgs } from "node:util"

export const usage = `npm run bench                      every stage
npm run bench -- NAME…             these stages
npm run bench -- list              the stages and their questions
npm run bench -- against           pulls by ociflow and by every peer on this machine
npm run bench -- compare REV       this tree against another revision: faster, slower, the same?
npm run bench -- mine IMAGE        an image of yours, from a registry or an OCI layout: where does the time go?
npm run bench -- floor             the same work by curl, a C inflater, sha256sum and a C program
npm run bench -- hostile [PART…]   what hostile registries, images and files cost: event loop and memory, case by case
npm run bench -- profile IMAGE     where a pull spends its processor time, function by function
npm run bench -- growth [FILE…]   how recording, finding and listing grow with the catalogue; FILEs side by side
npm run bench -- report FILE       table, plot and targets of an earlier run's JSON

  --images a,b       small, debian, nodeapp, nodeapp-zstd, bigfile
  --rounds N         how often each thing is measured
  --peers a,b        only peers whose name contains one of these
  --node PATH=LABEL  ociflow on that Node as well; may be repeated
  --cores N          use the first N cores only
  --registry HOST    a registry on this machine that has the images already
  --at DIR           where the measured file system's sparse file goes (40 GB at most)
  --out DIR          where results go: JSON, Markdown, SVG
  --seed N           the order of a run again
  --quick            short: to see that everything runs; the figures mean little`

export interface Options {
  readonly names: ReadonlyArray<string>
  readonly images: ReadonlyArray<string> | undefined
  readonly rounds: number | undefined
  readonly peers: ReadonlyArray<string> | undefined
  readonly nodes: ReadonlyArray<{ readonly path: string; readonly label: string }>
  readonly cores: number | undefined
  readonly registry: string | undefined
  readonly at: string | undefined
  readonly out: string | undefined
  readonly seed: number
  readonly quick: boolean
}

export class UsageError extends Error {
  override readonly name = "UsageError"
}

const count = (name: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new UsageError(`--${name} wants a number of 1 or more`)
  return value
}

const list = (text: string | undefined) => text?.split(",").filter((it) => it !== "")

export const parseOptions = (args: ReadonlyArray<string>): Options => {
  const text = { type: "string" } as const
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...{ images: text, image: text, rounds: text, peers: text, cores: text, registry: text, at: text, out: text },
      ...{ seed: text, node: { type: "string", multiple: true }, quick: { type: "boolean" }, help: { type: "boolean" } }
    }
  })
  if (values.help === true) throw new UsageError("")
  return {
    names: positionals,
    images: list(values.images ?? values.image),
    rounds: count("rounds", values.rounds),
    peers: list(values.peers),
    nodes: (values.node ?? []).map((text) => {
      const [path, label] = text.split("=")
      if (!path || !label) throw new UsageError("--node wants PATH=LABEL")
      return { path, label }
    }),
    cores: count("cores", values.cores),
    registry: values.registry,
    at: values.at,
    out: values.out,
    seed: count("seed", values.seed) ?? Math.ceil(Math.random() * 1e6),
    quick: values.quick ?? false
  }
}
