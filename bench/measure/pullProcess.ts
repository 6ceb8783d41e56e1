/** Runs `processes/pull.mjs`: pulls in a fresh process, seen from within and from without. */
import { fileURLToPath } from "node:url"
import type { PullerOptions, PullOptions } from "../../src/api/config.ts"
import { here } from "../peers/ociflow.ts"
import { measure, type Usage } from "./Command.ts"

export interface PullProcess {
  readonly references: ReadonlyArray<string>
  readonly root: string
  /** Of the puller. */
  readonly options?: PullerOptions
  /** Of each pull. */
  readonly call?: Pick<PullOptions, "partial">
  /** How often the same is pulled again, from the store. */
  readonly again?: number
  /** How often the same is removed and pulled once more, from the registry. */
  readonly anew?: number
  /** Whether the event loop is watched. */
  readonly delay?: boolean
  readonly tree?: string
  readonly node?: string
}

/** Milliseconds. */
export interface Inside {
  readonly load: number
  readonly open: number
  readonly pull: number
  readonly again: ReadonlyArray<number>
  readonly anew: ReadonlyArray<number>
  readonly delay: { readonly median: number; readonly p99: number; readonly max: number }
}

const script = fileURLToPath(new URL("../processes/pull.mjs", import.meta.url))

export const pullProcess = async (options: PullProcess): Promise<Usage & { readonly inside: Inside }> => {
  const { tree = here, node = process.execPath, ...rest } = options
  const { stdout, ...usage } = await measure({ argv: [node, script, JSON.stringify({ tree, ...rest })] })
  return { ...usage, inside: JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Inside }
}
