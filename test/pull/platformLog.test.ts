/** A platform that was not asked for is an event, and a warning in the log if nobody listens to events. */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { lastValueFrom } from "rxjs"
import { afterEach, expect, test, vi } from "vitest"
import { Output } from "../../src/cli/Output.ts"
import { run } from "../../src/cli/run.ts"
import { Puller, pull } from "../../src/Puller.ts"
import { openRegistry } from "../../src/registry.ts"
import { image, imageIndex, startRegistry } from "../../src/testing/index.ts"
import { CapturedOutput } from "../cli/events.ts"
import { open, temporaryRoot } from "../support/open.ts"

afterEach(() => vi.restoreAllMocks())

const layers = [{ files: { a: "a" } }]
const serving = async () =>
  startRegistry({
    images: {
      "single:1": await image({ platform: "linux/s390x", layers }),
      "index:1": await imageIndex([await image({ platform: "linux/386", layers })])
    }
  })
const cases = [
  ["single:1", "PlatformMismatch", /is for linux\/s390x only; linux\/amd64 was requested/],
  ["index:1", "PlatformFallback", /no manifest for linux\/amd64; using linux\/386/]
] as const

test.for(cases)("%s reaches the Logger: %s", async ([name, code, message]) => {
  await using registry = await serving()
  await using home = await temporaryRoot()
  const logged: Array<{ readonly level: string; readonly message: string; readonly code: unknown }> = []
  const logger = Logger.make(({ logLevel, message, fiber }) => {
    const { code } = fiber.getRef(References.CurrentLogAnnotations) as { readonly code?: unknown }
    logged.push({ level: logLevel, message: String(message), code })
  })
  await Effect.runPromise(
    pull(registry.reference(name), { platform: "linux/amd64" }).pipe(
      Effect.provide(Puller.layer({ root: home.root })),
      Effect.provide(Logger.layer([logger]))
    )
  )
  expect(logged).toEqual([{ level: "Warn", message: expect.stringMatching(message), code }])
})

test.for(cases)("%s is written to the standard error by the client: %s", async ([name, , message]) => {
  const [error, log] = [vi.spyOn(console, "error").mockReturnValue(), vi.spyOn(console, "log").mockReturnValue()]
  await using registry = await serving()
  await using oci = await open()
  await oci.pull(registry.reference(name), { platform: "linux/amd64" })
  await lastValueFrom(oci.pull$(registry.reference(name), { platform: "linux/amd64", policy: "always" }))
  expect(error.mock.calls.flat().join("\n")).toMatch(message)
  expect(log).not.toHaveBeenCalled()
})

test.for(cases)(
  "%s is written to the standard error by a registry client, and is an event: %s",
  async ([name, code, message]) => {
    const [error, log] = [vi.spyOn(console, "error").mockReturnValue(), vi.spyOn(console, "log").mockReturnValue()]
    await using registry = await serving()
    await using reader = await openRegistry({ credentials: {} })
    const codes: Array<string> = []
    await reader.config(registry.reference(name), {
      platform: "linux/amd64",
      onEvent: (event) => event._tag === "Warning" && codes.push(event.code)
    })
    expect(codes).toEqual([code])
    expect(error.mock.calls.flat().join("\n")).toMatch(message)
    expect(log).not.toHaveBeenCalled()
  }
)

test("the command tells it once", async () => {
  const error = vi.spyOn(console, "error").mockReturnValue()
  await using registry = await serving()
  await using home = await temporaryRoot()
  const [stdout, stderr] = [new CapturedOutput(), new CapturedOutput()]
  const argv = ["pull", "--root", home.root, "--platform", "linux/amd64", registry.reference("single:1")]
  await Effect.runPromise(
    run(argv, (options) => Puller.layer(options)).pipe(Effect.provideService(Output, { stdout, stderr }))
  )
  expect(`${stdout.text}${stderr.text}${error.mock.calls.flat().join("\n")}`.match(/was requested/g)).toHaveLength(1)
})
