import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { bigLayer, image, startRegistry } from "../../src/testing/index.ts"
import type { Bench } from "../Bench.ts"
import type { Figure } from "../measure/Figure.ts"

export const question =
  "How much memory does a client take above an idle one while a slow consumer reads a file of 1 GB, 2 ms a piece?"

const size = 1_000_000_000
/** Milliseconds. */
const pause = 2
const MB = 1e6

const tree = fileURLToPath(new URL("../..", import.meta.url))
const program = fileURLToPath(new URL("../processes/demand.mjs", import.meta.url))
const node = promisify(execFile)

const ask = async (asked: Readonly<Record<string, unknown>>): Promise<unknown> => {
  const { stdout } = await node(process.execPath, [program, JSON.stringify({ tree, pause, ...asked })])
  return JSON.parse(stdout)
}

export const run = async (bench: Bench): Promise<ReadonlyArray<Figure>> => {
  const { options } = bench
  const layers = [await bigLayer({ size: options.quick ? size / 10 : size })]
  const images = { "large:1": await image({ layers }), "small:1": await image({ layers: [{ files: { a: "a" } }] }) }
  await using registry = await startRegistry({ images })
  const disk = await bench.disk()
  const root = await disk.fresh()
  const [small, large] = [registry.reference("small:1"), registry.reference("large:1")]
  const figures: Array<Figure> = []
  for (const way of (await ask({ root })) as ReadonlyArray<string>) {
    const { idle, most } = (await ask({ root, small, large, way })) as { readonly idle: number; readonly most: number }
    figures.push({ what: way, value: (most - idle) / MB, unit: "MB" })
  }
  await disk.remove(root)
  return figures
}
