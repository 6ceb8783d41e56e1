import { EventEmitter } from "node:events"
import * as Exit from "effect/Exit"
import { describe, expect, test } from "vitest"
import { exitCode } from "../../src/cli/exitCode.ts"
import { type Host, onSignal } from "../../src/cli/signals.ts"

const start = () => {
  const codes: Array<number> = []
  const host: Host = Object.assign(new EventEmitter(), {
    stdout: new EventEmitter(),
    stderr: new EventEmitter(),
    exit: (code: number) => void codes.push(code)
  })
  let interrupted = 0
  const unwritable: Array<string> = []
  const first = onSignal(
    host,
    () => interrupted++,
    (code) => unwritable.push(code)
  )
  return { host, codes, first, unwritable, interrupted: () => interrupted }
}
const epipe = Object.assign(new Error("write EPIPE"), { code: "EPIPE" })

describe("a signal", () => {
  test.for([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129]
  ] as const)(
    "%s interrupts once and leaves the exit to the finalizers; a second one exits at once with %i",
    ([signal, code]) => {
      const { host, codes, first, interrupted } = start()
      expect(first()).toBeUndefined()
      host.emit(signal)
      expect([first(), interrupted(), codes]).toEqual([signal, 1, []])
      host.emit("SIGINT")
      expect([first(), interrupted(), codes]).toEqual([signal, 1, [code]])
    }
  )
})

describe("a reader that left", () => {
  test("interrupts once, however many writes fail, and exits nothing by itself", () => {
    const { host, codes, first, interrupted } = start()
    host.stdout.emit("error", epipe)
    host.stdout.emit("error", epipe)
    expect([first(), interrupted(), codes]).toEqual(["SIGPIPE", 1, []])
  })

  test("during an interruption changes nothing", () => {
    const { host, codes, first, interrupted } = start()
    host.emit("SIGTERM")
    host.stdout.emit("error", epipe)
    expect([first(), interrupted(), codes]).toEqual(["SIGTERM", 1, []])
  })

  test("of stderr is nobody's concern", () => {
    const { host, codes, first } = start()
    host.stderr.emit("error", epipe)
    expect([first(), codes]).toEqual([undefined, []])
  })
})

describe("a standard output that cannot be written to", () => {
  const enospc = Object.assign(new Error("write ENOSPC"), { code: "ENOSPC" })

  test("is told once, with the system's word, and interrupts once", () => {
    const { host, codes, first, unwritable, interrupted } = start()
    host.stdout.emit("error", enospc)
    host.stdout.emit("error", epipe)
    expect([first(), unwritable, interrupted(), codes]).toEqual(["unwritable", ["ENOSPC"], 1, []])
    host.emit("SIGINT")
    expect(codes).toEqual([1])
  })

  test("is not a failure of a reader that left", () => {
    const { host, unwritable } = start()
    host.stdout.emit("error", epipe)
    host.stdout.emit("error", enospc)
    expect(unwritable).toEqual([])
  })

  test("ends with 1, whether the work was done, was interrupted or failed", () => {
    const said: Array<string> = []
    for (const exit of [Exit.void, Exit.interrupt(1), Exit.die(new Error("x"))]) {
      expect(exitCode(exit, "unwritable", (line) => said.push(line))).toBe(1)
    }
    expect(said).toEqual([])
  })
})
