/** Runs a share in a process of its own: a crash and a hang are its own, too, and the rest of the share goes on. */
import { fork } from "node:child_process"
import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, unlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Report, Share } from "./worker.ts"

/** A case takes some milliseconds, a pull a second; one that takes this long, on however busy a machine, never ends. Milliseconds. */
const hang = 120_000
/** A process starts in a second or two, and makes its archives. */
const start = 120_000
const turn = 500

/** In memory where the system has a place for it. */
const memory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir()

/** The child's descriptor of the file that says which case has begun: after its standard ones, and the channel's. */
const begun = 4

export interface Told {
  readonly fail: (number: number, what: string) => void
  readonly done: (report: Extract<Report, { readonly rss: number }>) => void
}

export const runShare = async (
  script: string,
  share: Omit<Share, "outside" | "begun">,
  { fail, done }: Told
): Promise<void> => {
  for (let first: number | undefined = share.first; first !== undefined && first < share.end; )
    first = await runSome(script, { ...share, first }, { fail, done })
}

/** Gives the case to go on with, where there is one. */
const runSome = (
  script: string,
  share: Omit<Share, "outside" | "begun">,
  { fail, done }: Told
): Promise<number | undefined> =>
  new Promise((resolve) => {
    const outside = mkdtempSync(join(memory, "ociflow-fuzz-"))
    const path = join(outside, "begun")
    const file = openSync(path, "w+")
    // It has no name any more when the child begins.
    unlinkSync(path)
    // Each process has a core; a collector with threads of its own takes another half.
    const child = fork(script, {
      execArgv: ["--enable-source-maps", "--single-threaded-gc"],
      stdio: ["inherit", "inherit", "inherit", "ipc", file]
    })
    const written = new Float64Array(1)
    const current = () => (readSync(file, written, 0, written.byteLength, 0) > 0 ? written[0] : undefined)
    let last: number | undefined
    // Turns of a clock that stands still while the machine, or these processes, are asleep.
    let turns = 0
    let patience = start
    let ended = false
    let hung = false
    const watchdog = setInterval(() => {
      const now = current()
      turns = now === last ? turns + 1 : 0
      last = now
      if (now !== undefined) patience = hang
      if (turns * turn < patience || hung) return
      hung = true
      fail(now ?? share.first, `no end after ${patience / 1000} s`)
      child.kill("SIGKILL")
    }, turn)
    child.on("message", (message: Report) => {
      turns = 0
      if ("broken" in message) return fail(message.number, message.broken)
      ended = true
      done(message)
    })
    const end = (how: string | number | null) => {
      clearInterval(watchdog)
      const number = current()
      closeSync(file)
      rmSync(outside, { recursive: true, force: true })
      if (ended) return resolve(undefined)
      if (!hung) fail(number ?? share.first, `the process ended with ${how}`)
      // One that began with none would not begin with the next.
      resolve(number === undefined ? undefined : number + share.step)
    }
    // What it said last may still be in the channel.
    child.on("exit", (code, signal) => {
      if (child.connected) child.once("disconnect", () => end(signal ?? code))
      else end(signal ?? code)
    })
    child.send({ ...share, outside, begun } satisfies Share)
  })
