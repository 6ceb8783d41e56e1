/** Another process, running one of the programs beside this file; it ends with the test's scope. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import * as Effect from "effect/Effect"
import { bundled } from "../support/bundled.ts"

export interface Child {
  readonly process: ChildProcess
  /** Waits for this line of its output. */
  readonly says: (line: string) => Promise<void>
  /** Every line so far. */
  readonly lines: Array<string>
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>
}

export const start = (program: string, ...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.promise(async (): Promise<Child> => {
      const file = await bundled(`import "./test/store/programs/${program}"`)
      const child = spawn(process.execPath, [file, ...args], {
        stdio: ["ignore", "pipe", "inherit"]
      })
      const lines: Array<string> = []
      const waiting = new Map<string, () => void>()
      createInterface({ input: child.stdout }).on("line", (line) => {
        lines.push(line)
        waiting.get(line)?.()
      })
      const ended = once(child, "close").then(([code, signal]) => signal ?? code)
      const says = (line: string) =>
        new Promise<void>((resolve, reject) => {
          if (lines.includes(line)) return resolve()
          waiting.set(line, resolve)
          ended.then((code) => reject(new Error(`${program} ended (${code}) without saying ${line}`)))
        })
      return { process: child, says, lines, ended }
    }),
    ({ process, ended }) =>
      Effect.promise(() => {
        process.kill("SIGKILL")
        return ended
      })
  )
