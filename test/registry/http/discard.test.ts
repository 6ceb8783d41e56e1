/** How long a body that nobody needs is read. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { NEVER, type Observable, Subject, throwError } from "rxjs"
import { expect, test, vi } from "vitest"
import type { Answer } from "../../../src/registry/connection/Transport.ts"
import { discard } from "../../../src/registry/http/discard.ts"

const answering = (body$: Observable<Uint8Array>) => ({ body$: () => body$ }) as unknown as Answer

/** Discards a body; `use` while the scope is open. */
const discarding = async (body$: Observable<Uint8Array>, use: () => void | Promise<void>) => {
  const scope = Scope.makeUnsafe()
  try {
    // Nobody waits for it.
    Effect.runSync(Scope.provide(discard(answering(body$)), scope))
    await use()
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

test("it is read up to 64 KiB, and not a byte more", async () => {
  const body = new Subject<Uint8Array>()
  await discarding(body, () => {
    body.next(new Uint8Array(65_536))
    expect(body.observed).toBe(true)
    body.next(new Uint8Array(1))
    expect(body.observed).toBe(false)
  })
})

test("it is read for a second", async () => {
  vi.useFakeTimers()
  try {
    const body = new Subject<Uint8Array>()
    await discarding(body, () => {
      vi.advanceTimersByTime(999)
      expect(body.observed).toBe(true)
      vi.advanceTimersByTime(1)
      expect(body.observed).toBe(false)
    })
  } finally {
    vi.useRealTimers()
  }
})

test("it is read no longer than the scope is open", async () => {
  const body = new Subject<Uint8Array>()
  await discarding(body, () => expect(body.observed).toBe(true))
  expect(body.observed).toBe(false)
  await discarding(NEVER, () => undefined)
})

test("how it ends is nobody's concern", async () => {
  const unhandled = vi.fn()
  process.on("uncaughtException", unhandled)
  try {
    await discarding(
      throwError(() => new Error("reset")),
      () => new Promise((resolve) => setTimeout(resolve, 5))
    )
    expect(unhandled).not.toHaveBeenCalled()
  } finally {
    process.off("uncaughtException", unhandled)
  }
})
