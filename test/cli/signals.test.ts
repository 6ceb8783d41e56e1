import { EventEmitter } from "node:events"
import { describe, expect, test } from "vitest"
import { type Host, onSignal } from "../../src/cli/signals.ts"

const start = () => {
  const codes: Array<number> = []
  const host: Host = Object.assign(new EventEmitter(), {
    stdout: new EventEmitter(),
    stderr: new EventEmitter(),
    exit: (code: number) => void codes.push(code)
  })
  let interrupted = 0
  const first = onSignal(host, () => interrupted++)
  return { host, codes, first, interrupted: () => interrupted }
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
