import { expect, test } from "vitest"
import type { PullEvent } from "../../src/api/events.ts"
import { sanitizeEvents } from "../../src/api/sanitizeEvents.ts"

const heard = (...events: ReadonlyArray<PullEvent>) => {
  const told: Array<PullEvent> = []
  events.forEach(sanitizeEvents((event) => void told.push(event)))
  return told
}
const warning = (message: string, digest?: string): PullEvent => ({
  _tag: "Warning",
  code: "RegistryWarning",
  message,
  ...(digest === undefined ? {} : { digest })
})

test("what others said is printable in every event that has a message", () => {
  const message = "a\u009b31mb\u202ec\u200bd\ud800e\nf"
  const retrying: PullEvent = { _tag: "Retrying", attempt: 1, delay: 2, reason: "RateLimited", message }
  expect(heard(warning(message), retrying)).toMatchObject([
    { message: "a 31mb c d e f" },
    { message: "a 31mb c d e f" }
  ])
  expect(heard(warning("x".repeat(2000)))).toMatchObject([{ message: `${"x".repeat(1000)}…` }])
})

test("a warning is told once, another one as well, and every other event as often as it comes", () => {
  const started: PullEvent = { _tag: "LayerStarted", digest: "sha256:1", size: 1, offset: 0 }
  const all = [warning("a"), started, warning("b"), warning("a", "sha256:1"), started]
  expect(heard(...all, ...all)).toEqual([...all, started, started])
})
