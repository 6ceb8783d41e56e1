/** Variables are read as Effect's own `Config` reads them, of the process or of a program's provider. */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import fc from "fast-check"
import { afterEach, expect, test, vi } from "vitest"
import { environmentVariable } from "../../src/seams/environmentVariable.ts"

afterEach(() => vi.unstubAllEnvs())

const byConfig = (name: string) =>
  Effect.map(Effect.orDie(Config.option(Config.String(name))), (value) => Option.getOrUndefined(value) || undefined)

test("a variable of the process is read at each call, and an empty one is not set", () => {
  const read = () => Effect.runSync(environmentVariable("OCIFLOW_SAMPLE"))
  expect(read()).toBeUndefined()
  vi.stubEnv("OCIFLOW_SAMPLE", "first")
  expect(read()).toBe("first")
  vi.stubEnv("OCIFLOW_SAMPLE", "second")
  expect(read()).toBe("second")
  vi.stubEnv("OCIFLOW_SAMPLE", "")
  expect(read()).toBeUndefined()
})

test.for([
  ["names", ConfigProvider.fromUnknown({ OCIFLOW_SAMPLE: "of the provider" })],
  [
    "names it with others below",
    ConfigProvider.fromEnv({ env: { OCIFLOW_SAMPLE: "value", OCIFLOW_SAMPLE_LONGER: "x" } })
  ],
  ["leaves it empty", ConfigProvider.fromUnknown({ OCIFLOW_SAMPLE: "" })],
  ["has none", ConfigProvider.fromUnknown({})],
  [
    "falls back",
    ConfigProvider.orElse(ConfigProvider.fromUnknown({}), ConfigProvider.fromUnknown({ OCIFLOW_SAMPLE: "b" }))
  ]
] as const)("a provider that %s is asked rather than the process, as Config asks it", ([, provider]) => {
  vi.stubEnv("OCIFLOW_SAMPLE", "of the process")
  const run = (effect: Effect.Effect<string | undefined>) =>
    Effect.runSync(Effect.provideService(effect, ConfigProvider.ConfigProvider, provider))
  const found = run(environmentVariable("OCIFLOW_SAMPLE"))
  expect(found).toBe(run(byConfig("OCIFLOW_SAMPLE")))
  expect(found).not.toBe("of the process")
})

test("any environment is read as Config reads it", () => {
  const name = fc.stringMatching(/^[A-Z]{1,3}(_[A-Z]{1,2}){0,2}$/)
  fc.assert(
    fc.property(fc.dictionary(name, fc.string()), name, (env, wanted) => {
      const run = (effect: Effect.Effect<string | undefined>) =>
        Effect.runSync(Effect.provideService(effect, ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env })))
      expect(run(environmentVariable(wanted))).toBe(run(byConfig(wanted)))
    })
  )
})

test("a provider that fails is a defect that names what it was asked for", async () => {
  const provider = ConfigProvider.make((path) =>
    Effect.fail(new ConfigProvider.SourceError({ message: `no source for ${path.join(".")}` }))
  )
  const read = Effect.provideService(environmentVariable("OCIFLOW_SAMPLE"), ConfigProvider.ConfigProvider, provider)
  await expect(Effect.runPromise(read)).rejects.toThrow("no source for OCIFLOW_SAMPLE")
})
