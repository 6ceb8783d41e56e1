import { execFile } from "node:child_process"
import { once } from "node:events"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { inspect, promisify } from "node:util"
import { deserialize, serialize } from "node:v8"
import { MessageChannel } from "node:worker_threads"
import * as Effect from "effect/Effect"
import { lastValueFrom } from "rxjs"
import { describe, expect, test } from "vitest"
import { isReason, PullError, RegistryUnreachable } from "../../src/api/errors.ts"
import { Puller, pull } from "../../src/Puller.ts"
import { open as openTest, type TestClient, temporaryRoot } from "../support/open.ts"
import { sampleReason, samples } from "../support/reasons.ts"

const failed = (tag: string, given?: object) =>
  new PullError({ reference: "r.test/app:1", reason: sampleReason(tag, given) })

describe("each reason", () => {
  test.for(samples)(
    "%s goes through JSON with its fields, message, advice and whether to try again",
    ([tag, fields]) => {
      const error = failed(tag)
      const { reason } = error
      const told = {
        _tag: tag,
        ...fields,
        message: reason.message,
        advice: reason.advice,
        isRetryable: reason.isRetryable
      }
      expect(JSON.parse(JSON.stringify(reason))).toEqual(told)
      expect(JSON.parse(JSON.stringify(error))).toEqual({
        _tag: "PullError",
        reference: "r.test/app:1",
        reason: told,
        message: error.message,
        advice: reason.advice,
        isRetryable: reason.isRetryable
      })
      expect(reason.message).not.toMatch(/undefined|\[object/)
      expect(reason.advice).toMatch(/\.$/)
    }
  )

  test.for(samples)("%s is shown with name, message, advice and stack, however deep it stands", ([tag]) => {
    const error = failed(tag)
    for (const shown of [inspect(error), inspect({ of: { a: error } })]) {
      expect(shown).toContain(`PullError [${tag}]: r.test/app:1: ${error.reason.message}`)
      expect(shown).toContain(error.advice)
      expect(shown).toMatch(/\n\s+at .*errors\.test\.ts:\d+/)
    }
    expect(inspect({ a: { b: { c: error } } })).toContain(`[PullError [${tag}]`)
    expect(inspect(error.reason)).toContain(`${tag}: ${error.reason.message}\n  ${error.reason.advice}`)
  })

  test.for(samples)("%s still says what happened as a clone, in another thread and process", async ([tag]) => {
    const error = failed(tag)
    const { port1, port2 } = new MessageChannel()
    port1.postMessage(error)
    const [posted] = await once(port2, "message")
    port1.close()
    for (const copy of [structuredClone(error), deserialize(serialize(error)), posted]) {
      expect(copy.message).toBe(error.message)
      expect(copy.stack).toContain(`PullError [${tag}]`)
    }
    expect(structuredClone(error.reason).message).toBe(error.reason.message)
  })

  test.for(samples)("%s owns its message, and is a reason", ([tag]) => {
    const { reason } = failed(tag)
    expect(Object.hasOwn(reason, "message") && Object.hasOwn(failed(tag), "message")).toBe(true)
    expect(isReason(reason)).toBe(true)
  })

  test.for(samples)("%s holds no control character, whatever a stranger said", ([tag, fields]) => {
    const hostile = Object.fromEntries(
      Object.entries(fields).map(([key, value]) => [
        key,
        typeof value === "string" ? `${value}\u009b31m\u202e\u200b\ud800` : value
      ])
    )
    const error = failed(tag, hostile)
    for (const text of [error.message, error.advice, inspect(error), JSON.stringify(error)])
      expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u)
  })
})

describe("a cause", () => {
  test("keeps name, code and message of a foreign error, and nothing that hangs on it", () => {
    const parser = Object.assign(new TypeError("the answer\u009b breaks the protocol"), {
      code: "HPE_INVALID",
      data: "HTTP/1.1 200 OK token=hunter2",
      cause: new Error("hunter2"),
      socket: { authorization: "hunter2" }
    })
    const error = new RegistryUnreachable({ url: "https://r.test", problem: "broken", cause: parser })
    expect(error.cause).toMatchObject({
      name: "TypeError",
      code: "HPE_INVALID",
      message: "the answer  breaks the protocol"
    })
    expect(Object.keys(error.cause as object)).toEqual(["code"])
    for (const text of [
      JSON.stringify(new PullError({ reference: "a", reason: error })),
      inspect(error, { depth: 12, showHidden: true }),
      inspect(error, { depth: 12, showHidden: true, customInspect: false }),
      inspect(error.cause, { depth: 12, showHidden: true })
    ])
      expect(text).not.toContain("hunter2")
  })

  test("of several addresses says what each answered; of what is not an error, its text", () => {
    const cause = (thrown: unknown) =>
      new RegistryUnreachable({ url: "https://r.test", problem: "broken", cause: thrown }).cause
    const refused = Object.assign(
      new AggregateError([new Error("refused by ::1"), new Error("refused by 127.0.0.1")]),
      {
        code: "ECONNREFUSED"
      }
    )
    expect(cause(refused)).toMatchObject({
      code: "ECONNREFUSED",
      message: "Error: refused by ::1; Error: refused by 127.0.0.1"
    })
    expect(cause("told")).toMatchObject({ name: "Error", message: "told" })
    expect(cause({ code: 7 })).toMatchObject({ name: "Error", message: "Error" })
  })
})

describe("the stack", () => {
  test("of an uncaught error leads to the caller's own line", async () => {
    await using home = await temporaryRoot()
    const program = join(home.root, "program.mjs")
    const client = new URL("../../dist/index.js", import.meta.url).href
    const call = 'const mine = async () => { await oci.pull("localhost:1/app:1", { policy: "never" }) }'
    await writeFile(
      program,
      [`import { open } from "${client}"`, 'const oci = await open({ root: "./store" })', call, "await mine()"].join(
        "\n"
      )
    )
    const { stderr } = await promisify(execFile)(process.execPath, [program], { cwd: home.root }).then(
      () => expect.unreachable("it was to fail"),
      (error: { readonly stderr: string }) => error
    )
    expect(stderr).toMatch(/\nPullError \[NotCached\]: localhost:1\/app:1: not in the store/)
    expect(stderr).toMatch(/\n\s+at mine \(.*program\.mjs:3:\d+\)/)
  })

  const calls: Readonly<Record<string, (oci: TestClient) => Promise<unknown>>> = {
    pull: (oci) => oci.pull("localhost:1/app:1", { policy: "never" }),
    pull$: (oci) => lastValueFrom(oci.pull$("localhost:1/app:1", { policy: "never" })),
    entries$: (oci) => lastValueFrom(oci.entries$("A B")),
    resolve: (oci) => Promise.all([oci.resolve("A B")]),
    tags$: (oci) => lastValueFrom(oci.tags$("A B")),
    tags: (oci) => oci.tags("A B"),
    referrers: (oci) => oci.referrers("A B"),
    inspect: (oci) => oci.inspect("localhost:1/app:1"),
    remove: (oci) => oci.remove("localhost:1/app:1"),
    hold: (oci) => oci.hold("localhost:1/app:1"),
    images: (oci) => oci.images({ limit: 0 }),
    open: () => openTest({ rot: 1 } as never),
    "the Effect": (oci) => Effect.runPromise(pull("A B").pipe(Effect.provide(Puller.layer({ root: oci.root }))))
  }

  test.for(Object.entries(calls))("of %s leads to the line that called it", async ([, call]) => {
    await using oci = await openTest()
    const error = await call(oci).then(
      () => expect.unreachable("it was to fail"),
      (error: unknown) => error
    )
    expect(error).toBeInstanceOf(PullError)
    expect(error instanceof Error && error.stack).toMatch(/\n\s+at .*errors\.test\.ts:\d+/)
  })
})
