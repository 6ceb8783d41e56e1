/** `npm run bench -- compare REV`: is this tree slower than that revision? What to run before a pull request. */
import type { Bench } from "../Bench.ts"
import { layersOf } from "../measure/LocalRegistry.ts"
import { pullProcess } from "../measure/pullProcess.ts"
import { random, shuffle } from "../measure/statistics.ts"
import { digits, table } from "../measure/table.ts"
import { makeTrees } from "./trees.ts"
import { fewest, judge, overall, type Verdict } from "./verdict.ts"

const measures = ["wall", "cpu", "peak"] as const
type Measures = Readonly<Record<(typeof measures)[number], number>>

interface Pair {
  readonly ours: Measures
  readonly theirs: Measures
}

const ratiosOf = (pairs: ReadonlyArray<Pair>, measure: (typeof measures)[number]) =>
  pairs.map(({ ours, theirs }) => ours[measure] / theirs[measure])

/** Memory has no verdict of its own: that of a process with a collected heap jumps by more than a tenth. */
const judgeAll = (pairs: ReadonlyArray<Pair>) => ({
  wall: judge(ratiosOf(pairs, "wall")),
  cpu: judge(ratiosOf(pairs, "cpu"))
})

const rows = (image: string, pairs: ReadonlyArray<Pair>) => {
  const judged = { ...judgeAll(pairs), peak: undefined }
  const median = (side: keyof Pair, measure: keyof Measures) => {
    const values = pairs.map((pair) => pair[side][measure]).sort((a, b) => a - b)
    return digits((values[Math.floor(values.length / 2)] ?? Number.NaN) / (measure === "peak" ? 1e6 : 1))
  }
  return measures.map((measure) => {
    const { ratio, low, high, verdict } = judged[measure] ?? { ...judge(ratiosOf(pairs, measure)), verdict: "" }
    const name = measure === "peak" ? "peak, MB" : `${measure === "cpu" ? "CPU" : measure}, s`
    return [
      `${image}, ${name}`,
      verdict,
      median("ours", measure),
      median("theirs", measure),
      digits(ratio),
      `${digits(low)}–${digits(high)}`
    ]
  })
}

export const compare = async (bench: Bench, rev: string): Promise<void> => {
  const trees = bench.use(await makeTrees(rev))
  const disk = await bench.disk()
  const next = random(bench.options.seed)
  const verdicts: Array<Verdict> = []
  const lines: Array<ReadonlyArray<string>> = []
  for (const image of bench.options.images ?? ["debian"]) {
    const registry = await bench.registry(image)
    await layersOf(registry, image)
    const once = async (tree: string): Promise<Measures> => {
      const root = await disk.fresh()
      const { wall, user, system, peak } = await pullProcess({
        tree,
        root,
        references: [`${registry}/${image}:latest`]
      })
      await disk.remove(root)
      return { wall, cpu: user + system, peak }
    }
    await once(trees.ours)
    await once(trees.theirs)
    const pairs: Array<Pair> = []
    const most = Math.max(fewest, bench.rounds(40))
    const decided = () => {
      const { wall, cpu } = judgeAll(pairs)
      return pairs.length >= most || (wall.verdict !== "undecided" && cpu.verdict !== "undecided")
    }
    do {
      const done = new Map<string, Measures>()
      for (const side of shuffle(["ours", "theirs"] as const, next)) done.set(side, await once(trees[side]))
      const [ours, theirs] = [done.get("ours"), done.get("theirs")]
      if (ours && theirs) pairs.push({ ours, theirs })
      if (process.stderr.isTTY) process.stderr.write(`\r${image}: ${pairs.length} pairs `)
    } while (pairs.length < fewest || pairs.length % 2 === 1 || !decided())
    const { wall, cpu } = judgeAll(pairs)
    verdicts.push(overall([wall.verdict, cpu.verdict]))
    lines.push(...rows(`${image} ×${pairs.length}`, pairs))
  }
  const verdict = overall(verdicts)
  console.log(`\n${table(["", "verdict", "this tree", trees.revision, "ratio", "99 % interval"], lines, 2)}\n`)
  console.log(`This tree against ${trees.revision}: **${verdict}**`)
  if (verdict === "slower") process.exitCode = 1
}
