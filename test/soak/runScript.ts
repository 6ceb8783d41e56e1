/** Runs a script's processes on one store, and judges how each act ended. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as wait } from "node:timers/promises"
import type { TestImage, TestRegistry } from "../../src/testing/index.ts"
import { addFault } from "./images.ts"
import type { Act, Script } from "./Script.ts"

export interface Ground {
  readonly root: string
  /** Where blobs are kept. */
  readonly layout: string
  readonly registry: TestRegistry
  readonly images: ReadonlyMap<string, ReadonlyArray<TestImage>>
}

export interface Ended {
  readonly act: Act
  /** `undefined` where it was killed. */
  readonly result: Result | undefined
}

interface Result {
  readonly error?: string
  readonly message?: string
  readonly aborted?: boolean
  readonly violated?: string
  readonly faults?: ReadonlyArray<unknown>
  readonly unknown?: ReadonlyArray<unknown>
  readonly failed?: ReadonlyArray<unknown>
  readonly code?: number | string
}

const [program, command] = [
  join(import.meta.dirname, "programs/act.mjs"),
  join(import.meta.dirname, "../../dist/cli/main.js")
]

/** What a registry that misbehaves may make of a pull. */
const fromRegistry = [
  "RegistryUnreachable",
  "RegistryError",
  "RateLimited",
  "BlobInterrupted",
  "InvalidResponse",
  "InvalidManifest",
  "DigestMismatch",
  "SizeMismatch",
  "CorruptLayer"
]

/** What is wrong with how an act ended. */
const judge = ({ act, result }: Ended, { faults }: Script): string | undefined => {
  if (result === undefined) return undefined
  const { error, violated, code } = result
  const what = `${act.do} ended with ${JSON.stringify(result)}`
  if (violated !== undefined || (result.failed?.length ?? 0) > 0) return what
  if ((result.faults?.length ?? 0) > 0 || (result.unknown?.length ?? 0) > 0) return what
  if (act.do === "command") {
    if (code === 0 || (act.interrupt !== undefined && (code === 130 || code === "SIGINT"))) return undefined
    return code === 1 && faults.length > 0 && fromRegistry.includes(error ?? "") ? undefined : what
  }
  if (error === undefined) return undefined
  if ((act.do === "pull" || act.do === "hold") && faults.length > 0 && fromRegistry.includes(error)) return undefined
  return (act.do === "hold" || act.do === "remove") && error === "NotCached" ? undefined : what
}

/** Kills and stops it as the act says, reckoned from now. */
const disturb = (child: ChildProcess, { kill, stop }: Act) => {
  const timers: Array<NodeJS.Timeout> = []
  const at = (millis: number, signal: NodeJS.Signals) => timers.push(setTimeout(() => child.kill(signal), millis))
  if (stop !== undefined) {
    at(stop.after, "SIGSTOP")
    at(stop.after + stop.millis, "SIGCONT")
  }
  if (kill !== undefined) at(kill, "SIGKILL")
  return () => {
    for (const timer of timers) clearTimeout(timer)
    child.kill("SIGCONT")
  }
}

const runCommand = async ({ root, registry }: Ground, act: Act & { readonly do: "command" }): Promise<Ended> => {
  const { layout, ownership } = act.form
  const flags = ["--root", root, "--layout", layout, "--ownership", ownership, "--platform", "linux/amd64"]
  const child = spawn(process.execPath, [command, "pull", ...flags, registry.reference(act.name)], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, DOCKER_CONFIG: "/nonexistent" }
  })
  let said = ""
  child.stderr?.setEncoding("utf8").on("data", (text) => {
    said += text
  })
  const rest = disturb(child, act)
  const interrupt = act.interrupt === undefined ? undefined : setTimeout(() => child.kill("SIGINT"), act.interrupt)
  const [code, signal] = await once(child, "close")
  clearTimeout(interrupt)
  rest()
  if (signal === "SIGKILL") return { act, result: undefined }
  const error = /^ociflow: (\w+): /m.exec(said)?.[1]
  return { act, result: { code: signal ?? code, ...(error === undefined ? {} : { error }), message: said.slice(-500) } }
}

/** Acts in one process of their own; fewer than were asked for where it was killed. */
const runActs = async (ground: Ground, acts: ReadonlyArray<Act>): Promise<ReadonlyArray<Ended>> => {
  const { root, layout, registry } = ground
  const named = acts.map((act) => ("name" in act ? { ...act, name: registry.reference(act.name) } : act))
  const child = spawn(process.execPath, [program, JSON.stringify({ root, layout, first: 0, acts: named })], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  const results: Array<Result> = []
  let begun = 0
  let rest = () => {}
  if (child.stdout === null) throw new Error("no standard output")
  createInterface({ input: child.stdout }).on("line", (line) => {
    // A process that is killed may leave half a line.
    if (!line.endsWith("}")) return
    const { at, begun: begins, ...result } = JSON.parse(line)
    const act = acts[at]
    rest()
    rest = () => {}
    if (begins === true) {
      begun = at + 1
      if (act !== undefined) rest = disturb(child, act)
    } else results[at] = result
  })
  const [code, signal] = await once(child, "close")
  rest()
  const ended = acts.slice(0, begun).map((act, at): Ended => ({ act, result: results[at] }))
  if (signal === "SIGKILL" || code === 0) return ended
  const [first] = acts
  const died: Result = { error: "Died", message: `the process ended with ${signal ?? code}` }
  return first === undefined ? [] : [...ended.slice(0, -1), { act: ended.at(-1)?.act ?? first, result: died }]
}

const runProcess = async (ground: Ground, acts: ReadonlyArray<Act>): Promise<ReadonlyArray<Ended>> => {
  const ended: Array<Ended> = []
  while (ended.length < acts.length) {
    const left = acts.slice(ended.length)
    const [next] = left
    if (next?.do === "command") {
      ended.push(await runCommand(ground, next))
      continue
    }
    const end = left.findIndex((act) => act.do === "command")
    const some = await runActs(ground, end === -1 ? left : left.slice(0, end))
    // Killed before it had begun: that act is over.
    ended.push(...(some.length > 0 || next === undefined ? some : [{ act: next, result: undefined }]))
  }
  return ended
}

export interface Ran {
  readonly ended: ReadonlyArray<Ended>
  readonly problems: ReadonlyArray<string>
  /** What each tag named at some time of the round. */
  readonly named: ReadonlyMap<string, ReadonlySet<string>>
}

/** `tags`: which version each tag names; changed as the script says. */
export const runScript = async (ground: Ground, script: Script, tags: Map<string, number>): Promise<Ran> => {
  const { registry, images } = ground
  const versionOf = (name: string) => images.get(name)?.[tags.get(name) ?? 0]
  const named = new Map([...images.keys()].map((name) => [name, new Set([versionOf(name)?.digest ?? ""])]))
  for (const fault of script.faults) addFault(registry, fault)
  const moves = script.moves.map(async ({ after, name, version }) => {
    await wait(after)
    tags.set(name, version)
    const image = versionOf(name)
    if (image === undefined) return
    named.get(name)?.add(image.digest)
    registry.add(name, image)
  })
  const ended = (await Promise.all(script.processes.map((acts) => runProcess(ground, acts)))).flat()
  await Promise.all(moves)
  registry.clearFaults()
  return { ended, named, problems: ended.flatMap((it) => judge(it, script) ?? []) }
}
