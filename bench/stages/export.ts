import { pullsInTurn } from "../against/pullsInTurn.ts"
import type { Bench } from "../Bench.ts"
import { type Figure, figure } from "../measure/Figure.ts"
import { random, spread } from "../measure/statistics.ts"
import { filePeers } from "../peers/oneFile.ts"
import type { Peer } from "../peers/Peer.ts"

export const question = "How long does an image take from a registry into one file, and into one file by way of a tree?"

/** Those whose programs are here. */
const peersHere = async (): Promise<ReadonlyArray<Peer>> => {
  const found = await Promise.all(filePeers.map(async (peer) => ((await peer.version()) === undefined ? [] : [peer])))
  return found.flat()
}

export const run = async (bench: Bench): Promise<ReadonlyArray<Figure>> => {
  const disk = await bench.disk()
  const peers = await peersHere()
  const next = random(bench.options.seed)
  const figures: Array<Figure> = []
  for (const image of bench.options.images ?? ["debian", "nodeapp"]) {
    const registry = await bench.registry(image)
    const { runs } = await pullsInTurn({ image, registry, peers, rounds: bench.rounds(5), disk, next })
    for (const { name } of peers) {
      const own = runs.filter(({ peer }) => peer === name)
      if (own.length === 0) continue
      figures.push(
        figure(`${image}: ${name}`, "s", spread(own.map(({ wall }) => wall))),
        figure(`${image}: ${name}, CPU`, "s", spread(own.map(({ cpu }) => cpu))),
        figure(`${image}: ${name}, peak memory`, "MB", spread(own.map(({ peak }) => peak / 1e6)))
      )
    }
  }
  return figures
}
