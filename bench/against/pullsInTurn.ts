/** Every peer once a round, in an order that each round draws anew: a drift of the machine hits all of them alike. */

import { Interrupted, measure } from "../measure/Command.ts"
import type { Disk } from "../measure/Disk.ts"
import { type LayerOf, layersOf } from "../measure/LocalRegistry.ts"
import { shuffle } from "../measure/statistics.ts"
import { digits, megabytes } from "../measure/table.ts"
import type { Peer } from "../peers/Peer.ts"
import type { Run } from "./Result.ts"

export interface Turns {
  readonly image: string
  readonly registry: string
  readonly peers: ReadonlyArray<Peer>
  readonly rounds: number
  readonly disk: Disk
  readonly next: () => number
}

/** One pull into an empty destination, which is removed again. */
export const pullOnce = async (
  peer: Peer,
  image: string,
  registry: string,
  layers: ReadonlyArray<LayerOf>,
  disk: Disk
) => {
  const out = await disk.fresh()
  const job = { registry, image, layers, out }
  try {
    await using prepared = await peer.prepare?.(job)
    const { wall, user, system, peak } = await measure(peer.command(job))
    const behind = await prepared?.usage?.()
    return {
      wall,
      cpu: user + system + (behind === undefined ? 0 : behind.user + behind.system),
      peak: Math.max(peak, behind?.peak ?? 0)
    }
  } finally {
    await disk.remove(out)
  }
}

export const pullsInTurn = async ({ image, registry, peers, rounds, disk, next }: Turns) => {
  const layers = await layersOf(registry, image)
  const zstd = layers.some(({ mediaType }) => mediaType.endsWith("zstd"))
  const able = new Set(peers.filter((peer) => peer.zstd || !zstd))
  const runs: Array<Run> = []
  const failures: Array<{ image: string; peer: string; problem: string }> = []
  for (let round = 1; round <= rounds; round++) {
    for (const peer of shuffle([...able], next)) {
      try {
        const { wall, cpu, peak } = await pullOnce(peer, image, registry, layers, disk)
        runs.push({ image, peer: peer.name, round, wall, cpu, peak })
        const costs = `${digits(wall)} s, ${digits(cpu)} s of CPU, ${megabytes(peak)} MB`
        console.error(`${image}, round ${round} of ${rounds}: ${peer.name}: ${costs}`)
      } catch (error) {
        if (error instanceof Interrupted) throw error
        // It is not tried again: a peer that cannot pull this image would only cost time.
        able.delete(peer)
        const problem = error instanceof Error ? error.message : String(error)
        failures.push({ image, peer: peer.name, problem })
        console.error(`${image}, round ${round}: ${peer.name} failed: ${problem}`)
      }
    }
  }
  return { runs, failures, layers }
}
