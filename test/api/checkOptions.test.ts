import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { expect, test } from "vitest"
import { checkListOptions, checkOptions } from "../../src/api/checkOptions.ts"
import { defaultLimits, defaultRetry, defaultTimeouts, type PullerOptions } from "../../src/api/config.ts"

/** As a caller without types writes them. */
const given = (options: unknown) => options as PullerOptions
const refusal = (options: unknown) => Effect.runSync(Effect.flip(checkOptions(given(options))))

test("options that are left out, undefined, or as the defaults are, are taken", () => {
  for (const options of [
    {},
    { timeouts: { idle: 2 ** 31 - 1, total: Number.POSITIVE_INFINITY }, retry: { maxWait: 0 } },
    { connections: undefined, limits: undefined, timeouts: { idle: undefined } },
    { connections: 1, workers: 1, limits: defaultLimits, timeouts: defaultTimeouts, retry: defaultRetry },
    { timeouts: { minimumRate: 0 } },
    { limits: { layerBytes: Number.POSITIVE_INFINITY } }
  ])
    expect(Effect.runSync(checkOptions(given(options)))).toBeUndefined()
})

test.each([
  ["concurrency", 0],
  ["workers", 1.5],
  ["connections", 0],
  ["connections", Number.NaN],
  ["connections", "8"],
  ["partialsFor", -1]
])("a number that cannot be used is refused: %s %s", (option, value) => {
  expect(refusal({ [option]: value })).toMatchObject({ _tag: "InvalidOption", option })
})

test.each([
  ["root", 5],
  ["root", ""],
  ["layersDir", null],
  ["keepBlobs", "a\0b"],
  ["credentials", 5],
  ["credentials", null],
  ["credentials", [{ username: "me", password: "x" }]]
])("a path or credentials of another type are refused: %s %s", (option, value) => {
  expect(refusal({ [option]: value })).toMatchObject({ _tag: "InvalidOption", option })
})

test.each([
  [null, /is null/],
  [undefined, /is no object/],
  ["me:hunter2", /is no object/],
  [{ user: "me", pass: "hunter2" }, /neither username and password.*, but user, pass$/],
  [{}, /neither username/],
  [{ username: "me" }, /has no password/],
  [{ username: "me", password: undefined }, /has no password/],
  [{ username: undefined, password: "hunter2" }, /has no username/],
  [{ identityToken: 5 }, /has no identityToken/],
  [{ registryToken: "hunter2", username: "me" }, /./]
])("credentials of a wrong shape are refused, and no value is shown: %j", (value, problem) => {
  const error = refusal({ credentials: { "r.test": { username: "me", password: "x" }, host: value } })
  expect(error).toMatchObject({ _tag: "InvalidOption", option: 'credentials["host"]' })
  expect(error.problem).toMatch(problem)
  expect(error.message).not.toContain("hunter2")
})

test("credentials of each shape are taken, as text or redacted", () => {
  for (const secret of ["x", Redacted.make("x"), ""])
    for (const it of [{ username: "me", password: secret }, { identityToken: secret }, { registryToken: secret }])
      expect(Effect.runSync(checkOptions({ credentials: { "r.test": it } }))).toBeUndefined()
  expect(Effect.runSync(checkOptions({ credentials: () => undefined }))).toBeUndefined()
})

test("what is no object of options is refused", () => {
  for (const options of [null, 5, "root"]) expect(refusal(options)).toMatchObject({ _tag: "InvalidOption" })
})

test.each([
  ["limits", "layerBytes", -1],
  ["timeouts", "idle", 0],
  ["timeouts", "idle", 2 ** 31],
  ["timeouts", "headers", Number.POSITIVE_INFINITY],
  ["timeouts", "document", 0],
  ["timeouts", "total", 0],
  ["timeouts", "total", -Number.POSITIVE_INFINITY],
  ["retry", "maxWait", -1],
  ["timeouts", "rateWindow", 0],
  ["timeouts", "minimumRate", -1],
  ["retry", "times", Number.POSITIVE_INFINITY]
])("a number within a group is refused by its whole name: %s.%s", (group, key, value) => {
  expect(refusal({ [group]: { [key]: value } })).toMatchObject({ _tag: "InvalidOption", option: `${group}.${key}` })
})

test.each([
  ["limits", "layerByte", Object.keys(defaultLimits)],
  ["timeouts", "Idle", Object.keys(defaultTimeouts)],
  ["retry", "attempts", Object.keys(defaultRetry)],
  ["retry", "toString", Object.keys(defaultRetry)]
])("a misspelt key is refused, and told which there are: %s.%s", (group, key, known) => {
  for (const value of [1, undefined]) {
    const error = refusal({ [group]: { [key]: value } })
    expect(error).toMatchObject({ _tag: "InvalidOption", option: `${group}.${key}` })
    for (const name of known) expect(error.message).toContain(name)
  }
})

test.each([
  ["limits", 5],
  ["timeouts", null],
  ["retry", "3"]
])("a group that is none is refused: %s %s", (option, value) => {
  expect(refusal({ [option]: value })).toMatchObject({ _tag: "InvalidOption", option })
})

test("a choice that is none of those there are is refused", () => {
  expect(refusal({ layout: "tree" })).toMatchObject({ option: "layout", problem: expect.stringContaining("rootfs") })
})

test.each([{ limit: 0 }, { limit: 1.5 }, { limit: "2" }, { first: 3 }])(
  "a page that cannot be is refused: %j",
  (page) => {
    const options = page as Parameters<typeof checkListOptions>[0]
    const option = Object.keys(page)[0]
    expect(Effect.runSync(Effect.flip(checkListOptions(options)))).toMatchObject({ _tag: "InvalidOption", option })
  }
)
