/** A whole process with what it cost: the only fair way to hold programs of different languages side by side. */
import { spawn } from "node:child_process"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { performance } from "node:perf_hooks"

export interface Command {
  readonly argv: readonly [string, ...ReadonlyArray<string>]
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly cwd?: string | undefined
}

export interface Usage {
  /** Seconds from the start of the process to its end. */
  readonly wall: number
  /** Seconds of processor time in user and in kernel mode, of the process and all that it waited for. */
  readonly user: number
  readonly system: number
  /** Bytes resident at most, in the largest single process of them. */
  readonly peak: number
}

export interface Finished extends Usage {
  readonly stdout: string
}

export class CommandFailed extends Error {
  override readonly name = "CommandFailed"
}

/** Ctrl-C came: nothing more is measured, but what cleans up still runs. */
export class Interrupted extends Error {
  override readonly name = "Interrupted"
}

let interrupted = false
const measured = new Set<() => void>()
process.on("SIGINT", () => {
  interrupted = true
  for (const stop of measured) stop()
})

const text = (stream: NodeJS.ReadableStream | null): (() => string) => {
  const chunks: Array<Buffer> = []
  stream?.on("data", (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString()
}

const finish = ({ argv: [file, ...args], env, cwd }: Command, timeout: number, abortable: boolean) =>
  new Promise<{ stdout: string; wall: number }>((resolve, reject) => {
    const began = performance.now()
    const child = spawn(file, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own, so that a shell's pipeline ends as a whole.
      detached: true
    })
    const [stdout, stderr] = [text(child.stdout), text(child.stderr)]
    const stop = (signal: NodeJS.Signals) => child.pid !== undefined && process.kill(-child.pid, signal)
    const timer = setTimeout(() => stop("SIGKILL"), timeout)
    const abort = () => stop("SIGTERM")
    if (abortable) measured.add(abort)
    let wall = 0
    child.on("exit", () => {
      wall = (performance.now() - began) / 1000
    })
    child.on("error", (error) => {
      clearTimeout(timer)
      measured.delete(abort)
      reject(new CommandFailed(`${file}: ${error.message}`))
    })
    child.on("close", (code, signal) => {
      clearTimeout(timer)
      measured.delete(abort)
      if (abortable && interrupted) return reject(new Interrupted("interrupted"))
      if (code === 0) return resolve({ stdout: stdout(), wall })
      reject(new CommandFailed(`${basename(argv0(file, args))} ended with ${signal ?? code}: ${complaint(stderr())}`))
    })
  })

/** The line that names an error, else the last ones. */
const complaint = (stderr: string): string => {
  const lines = stderr.trim().split("\n")
  return (lines.find((line) => /error/i.test(line)) ?? lines.slice(-3).join(" | ")).trim().slice(0, 300)
}

const argv0 = (file: string, args: ReadonlyArray<string>): string =>
  file === time ? (args[args.indexOf("--") + 1] ?? file) : file

const time = "/usr/bin/time"

/** Runs it to its end; rejects with `CommandFailed` unless it ends with 0. */
export const run = async (command: Command, timeout = 900_000): Promise<string> =>
  (await finish(command, timeout, false)).stdout

/**
 * Runs it under GNU time, which alone is small enough: a child of Node begins with Node's own resident memory as its
 * peak, since the kernel carries that figure over `exec`.
 */
export const measure = async (command: Command, timeout = 900_000): Promise<Finished> => {
  if (interrupted) throw new Interrupted("interrupted")
  const scratch = await mkdtemp(join(tmpdir(), "ociflow-time-"))
  try {
    const file = join(scratch, "usage")
    const argv = [time, "-q", "-o", file, "-f", "%U %S %M", "--", ...command.argv] as const
    const { stdout, wall } = await finish({ ...command, argv }, timeout, true)
    const [user = 0, system = 0, kibibytes = 0] = (await readFile(file, "utf8")).trim().split(" ").map(Number)
    return { wall, user, system, peak: kibibytes * 1024, stdout }
  } finally {
    await rm(scratch, { recursive: true })
  }
}

/** The first line that a program says about its version; undefined where there is no such program. */
export const versionOf = (...argv: readonly [string, ...ReadonlyArray<string>]): Promise<string | undefined> =>
  run({ argv }).then(
    (stdout) => /\d+(\.\d+)+/.exec(stdout)?.[0] ?? stdout.split("\n")[0]?.trim(),
    () => undefined
  )
