import { expect, test } from "vitest"
import { retryAfter } from "../../../src/registry/headers/retryAfter.ts"

test("Retry-After is seconds or a date, and never more than a day", () => {
  const now = Date.parse("Wed, 21 Oct 2026 07:28:00 GMT")
  const wait = (text: string) => retryAfter({ "retry-after": text }, now)
  expect(wait("7")).toBe(7000)
  expect(wait(" 0 ")).toBe(0)
  expect(wait("Wed, 21 Oct 2026 07:28:30 GMT")).toBe(30_000)
  expect(wait("Wed, 21 Oct 2026 07:27:30 GMT")).toBe(0)
  expect(wait("99999999999999999999")).toBe(86_400_000)
  expect(wait("soon")).toBeUndefined()
  expect(wait("-5")).not.toBe(-5000)
  expect(retryAfter({}, now)).toBeUndefined()
})
