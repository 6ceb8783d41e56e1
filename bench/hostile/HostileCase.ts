/** What a registry, an image or a file may do to a process that pulls it. */
import type { PullerOptions } from "../../src/index.ts"

/**
 * What the process under measurement does. `bodies` reads the entries' bodies piece by piece, `slow bodies` by an
 * asynchronous reader that closes a gate, `texts` asks for each body whole, `images` reads the empty catalogue.
 */
export type Action = "images" | "pull" | "entries" | "bodies" | "slow bodies" | "texts" | "tags" | "referrers"

export interface Served extends AsyncDisposable {
  /** Asked for at once. */
  readonly references: ReadonlyArray<string>
}

export interface HostileCase {
  /** A row's name: what comes, and how much of it. */
  readonly name: string
  /** In this process: what it takes is not measured. */
  readonly serve: () => Promise<Served>
  readonly action?: Action
  /** Of the puller; they are sent as JSON. */
  readonly options?: PullerOptions
}
