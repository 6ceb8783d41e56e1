import type { Bench } from "../Bench.ts"
import { type Figure, figure } from "../measure/Figure.ts"
import { pullProcess } from "../measure/pullProcess.ts"
import { spread } from "../measure/statistics.ts"

export const question = "How long does a pull take when the store has it all: at once, and as a process's first act?"

export const run = async (bench: Bench): Promise<ReadonlyArray<Figure>> => {
  const disk = await bench.disk()
  const root = await disk.fresh()
  const references = [`${await bench.registry("small")}/small:latest`]
  const { inside } = await pullProcess({ root, references, again: 50 })
  const opened: Array<number> = []
  const first: Array<number> = []
  for (let round = 0; round < bench.rounds(11); round++) {
    const { load, open, pull } = (await pullProcess({ root, references })).inside
    opened.push(open)
    first.push(load + open + pull)
  }
  await disk.remove(root)
  return [
    figure("cached pull, in process", "ms", spread(inside.again)),
    figure("open(), first in a process", "ms", spread(opened)),
    figure("cached pull, first in a process, with import and open()", "ms", spread(first))
  ]
}
