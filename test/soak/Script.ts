/** What the processes of one round do, as data: drawn from a seed, written into a file, made shorter, run again. */
import type { Prng } from "../../src/testing/index.ts"

/** How trees are made. */
export interface Form {
  readonly layout: "layers" | "overlay" | "rootfs"
  readonly ownership: "xattr" | "chown" | "none"
}

export type Doing =
  | {
      readonly do: "pull"
      readonly name: string
      readonly form: Form
      readonly policy: "missing" | "always"
      readonly keepBlobs: boolean
      /** Milliseconds until a signal aborts it. */
      readonly abort?: number
    }
  | { readonly do: "remove"; readonly name: string }
  | { readonly do: "prune"; readonly how: { readonly dryRun?: boolean; readonly keepBytes?: number } }
  /** Pulls it, where it is not there, and watches the trees while it is held. */
  | { readonly do: "hold"; readonly name: string; readonly form: Form; readonly millis: number }
  | { readonly do: "verify"; readonly repair: boolean; readonly form: Form }
  | { readonly do: "images" | "usage" }
  /** The command, which a signal may end. */
  | { readonly do: "command"; readonly name: string; readonly form: Form; readonly interrupt?: number }

export type Act = Doing & {
  /** Milliseconds after it has begun. */
  readonly kill?: number
  readonly stop?: { readonly after: number; readonly millis: number }
}

export const faultNames = ["status", "rateLimit", "cut", "reset", "hangUp", "otherByte", "garbage", "slow"] as const

export interface ScriptFault {
  readonly fault: (typeof faultNames)[number]
  readonly kind: "blob" | "manifest"
  readonly nth: number
  readonly times: number
}

export interface Script {
  /** What each process does, one act after the other. */
  readonly processes: ReadonlyArray<ReadonlyArray<Act>>
  readonly faults: ReadonlyArray<ScriptFault>
  /** Tags that get another image: milliseconds after the round has begun. */
  readonly moves: ReadonlyArray<{ readonly after: number; readonly name: string; readonly version: number }>
}

export const forms: readonly [Form, ...ReadonlyArray<Form>] = [
  { layout: "layers", ownership: "xattr" },
  { layout: "overlay", ownership: "xattr" },
  { layout: "rootfs", ownership: "xattr" },
  { layout: "layers", ownership: "chown" },
  { layout: "rootfs", ownership: "none" },
  { layout: "overlay", ownership: "chown" }
]

export interface Drawing {
  readonly processes: number
  readonly acts: number
  readonly names: readonly [string, ...ReadonlyArray<string>]
  readonly moving: readonly [string, ...ReadonlyArray<string>]
  readonly versions: number
}

interface Choice {
  readonly names: readonly [string, ...ReadonlyArray<string>]
  readonly forms: readonly [Form, ...ReadonlyArray<Form>]
  /** Of a hundred acts. While one runs nothing is cleaned up. */
  readonly pulls: number
}

const drawDoing = (random: Prng, choice: Choice): Doing => {
  const name = random.pick(choice.names)
  const form = random.pick(choice.forms)
  if (random.below(100) < choice.pulls) {
    const policy = random.pick(["missing", "always"] as const)
    const abort = random.chance(0.1) ? { abort: random.below(150) } : {}
    return { do: "pull", name, form, policy, keepBlobs: random.chance(0.25), ...abort }
  }
  const roll = random.below(100)
  if (roll < 25) return { do: "remove", name }
  if (roll < 50) {
    const how = random.pick([{}, {}, {}, { dryRun: true }, { keepBytes: 0 }, { keepBytes: 400_000 }] as const)
    return { do: "prune", how }
  }
  if (roll < 80) return { do: "hold", name, form, millis: random.below(1500) }
  if (roll < 88) return { do: "verify", repair: random.chance(0.4), form }
  if (roll < 92) return { do: random.pick(["images", "usage"] as const) }
  const interrupt = random.chance(0.4) ? { interrupt: random.below(800) } : {}
  return { do: "command", name, form, ...interrupt }
}

export const drawScript = (random: Prng, drawing: Drawing): Script => {
  // Few of each, so that the processes get into each other's way.
  const choice: Choice = {
    names: [random.pick(drawing.names), random.pick(drawing.names), random.pick(drawing.names)],
    forms: [random.pick(forms), random.pick(forms)],
    pulls: random.pick([50, 20, 5])
  }
  const act = (): Act => {
    const kill = random.chance(0.18) ? { kill: random.below(250) } : {}
    const stop = random.chance(0.06) ? { stop: { after: random.below(150), millis: random.below(400) } } : {}
    return { ...drawDoing(random, choice), ...kill, ...stop }
  }
  const many = <A>(count: number, one: () => A) => Array.from({ length: count }, one)
  return {
    processes: many(drawing.processes, () => many(drawing.acts, act)),
    faults: many(random.below(5), () => ({
      fault: random.pick(faultNames),
      kind: random.pick(["blob", "manifest"] as const),
      nth: 1 + random.below(12),
      times: 1 + random.below(3)
    })),
    moves: many(random.below(3), () => ({
      after: random.below(2000),
      name: random.pick(drawing.moving),
      version: random.below(drawing.versions)
    }))
  }
}

const without = <A>(list: ReadonlyArray<A>, at: number) => list.filter((_, index) => index !== at)

/** Each script that lacks one thing of this one, the largest things first. */
export const shorter = (script: Script): ReadonlyArray<Script> => [
  ...script.processes.map((_, at) => ({ ...script, processes: without(script.processes, at) })),
  ...(script.faults.length === 0 ? [] : [{ ...script, faults: [] }]),
  ...script.moves.map((_, at) => ({ ...script, moves: without(script.moves, at) })),
  ...script.processes.flatMap((acts, process) =>
    acts.map((_, at) => ({
      ...script,
      processes: script.processes.map((it, index) => (index === process ? without(it, at) : it))
    }))
  )
]

const described = ({ do: what, kill, stop, ...rest }: Act) =>
  [
    what,
    ...Object.entries(rest).map(([name, value]) => `${name}=${JSON.stringify(value)}`),
    ...(stop === undefined ? [] : [`stopped at ${stop.after} ms for ${stop.millis} ms`]),
    ...(kill === undefined ? [] : [`killed at ${kill} ms`])
  ].join(" ")

/** One line for each act. */
export const tell = ({ processes, faults, moves }: Script): string =>
  [
    ...faults.map((it) => `registry: ${it.fault} for ${it.times} of the ${it.kind} requests, from the ${it.nth}th on`),
    ...moves.map(({ after, name, version }) => `registry: at ${after} ms ${name} becomes version ${version}`),
    ...processes.flatMap((acts, process) => acts.map((act) => `process ${process}: ${described(act)}`))
  ].join("\n")
