/** Runs its share of the cases; tells of each when it begins, so that the one that never ends is known. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { runCase } from "./runCase.ts"
import { Sentinel } from "./Sentinel.ts"
import { makeSeeds } from "./seeds.ts"

export interface Share {
  readonly seed: string
  /** Cases from `first` up to, not including, `end`, every `step`th. */
  readonly first: number
  readonly end: number
  readonly step: number
  /** Where to extract: empty. */
  readonly outside: string
  readonly blobs?: string
  /** Where to put the case's blob and archive, to look at. */
  readonly keep?: string
}

export type Report =
  | { readonly begun: number }
  | { readonly broken: string; readonly number: number }
  | { readonly outcomes: Readonly<Record<string, number>>; readonly rss: number }

const report = (message: Report) => process.send?.(message)

const run = async ({ seed, first, end, step, outside, blobs, keep }: Share): Promise<void> => {
  const outcomes: Record<string, number> = {}
  let rss = 0
  const sentinel = new Sentinel(outside)
  const seeds = makeSeeds(blobs)
  for (let number = first; number < end; number += step) {
    report({ begun: number })
    const { outcome, broken, blob, archive } = await runCase({ seed, number }, seeds, sentinel)
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    if (broken !== undefined) report({ broken, number })
    if (keep !== undefined) {
      writeFileSync(join(keep, `${number}.blob`), blob)
      writeFileSync(join(keep, `${number}.tar`), archive)
    }
    if (number % 64 < step) rss = Math.max(rss, process.memoryUsage.rss())
  }
  const broken = sentinel.everything()
  if (broken !== undefined) report({ broken: `outside of the root, at the end: ${broken}`, number: end })
  report({ outcomes, rss })
  process.disconnect?.()
}

process.once("message", (share: Share) => void run(share))
