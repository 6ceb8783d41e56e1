import { deserialize, serialize } from "node:v8"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { describe, expect, test } from "vitest"
import { isReason, PullError } from "../../src/api/errors.ts"
import * as Codec from "../../src/schema/index.ts"
import { eventSamples, image } from "../support/events.ts"
import { sampleReason, samples } from "../support/reasons.ts"

/** How values travel: to a page, to a worker or a frame, to another process. */
const ways = {
  JSON: (value: unknown) => JSON.parse(JSON.stringify(value)),
  structuredClone,
  "a message between processes": (value: unknown) => deserialize(serialize(value))
}

const refusal = <T>(codec: Schema.Codec<T, unknown>, value: unknown): string => {
  const result = Schema.decodeUnknownResult(codec)(value)
  return Result.isFailure(result) ? String(result.failure) : "accepted"
}

describe.for(Object.entries(ways))("through %s", ([, travel]) => {
  test.for(samples)("%s comes back as the same error", ([tag]) => {
    const error = new PullError({ reference: "r.test/app:1", reason: sampleReason(tag) })
    const back = Schema.decodeUnknownSync(Codec.PullError)(travel(Schema.encodeSync(Codec.PullError)(error)))
    expect(back).toBeInstanceOf(PullError)
    expect(isReason(back.reason)).toBe(true)
    expect(back.reason.constructor).toBe(error.reason.constructor)
    expect(back.toJSON()).toEqual(error.toJSON())
    expect([back.message, back.advice, back.isRetryable]).toEqual([error.message, error.advice, error.isRetryable])
  })

  test.for(eventSamples)("%s comes back as the same event", ([, event]) => {
    const encoded = Schema.encodeUnknownSync(Codec.PullEvent)(event)
    expect(Schema.decodeUnknownSync(Codec.PullEvent)(travel(encoded))).toEqual(event)
  })

  test("images come back, whatever their config has", () => {
    const config = {
      ...image.config,
      os: "linux",
      env: { PATH: "/bin" },
      healthcheck: { test: ["CMD", "true"], interval: 1000, retries: 3 },
      history: [{ createdBy: "RUN true", emptyLayer: true }]
    }
    const full = { ...image, config, rootfs: "/r", cached: true }
    expect(
      Schema.decodeUnknownSync(Codec.PullResult)(travel(Schema.encodeUnknownSync(Codec.PullResult)(full)))
    ).toEqual(full)
  })

  test("what JSON.stringify makes of an error is what the codec reads", () => {
    const cause = Object.assign(new Error("reset"), { code: "ECONNRESET" })
    const reason = sampleReason("RegistryUnreachable", { cause })
    const error = new PullError({ reference: "r.test/app:1", reason })
    const back = Schema.decodeUnknownSync(Codec.PullError)(travel(error.toJSON()))
    expect(back.toJSON()).toEqual(error.toJSON())
    expect(back.reason.cause).toMatchObject({ name: "Error", code: "ECONNRESET" })
  })

  test("options come back, as far as they are data", () => {
    const options = { platform: "linux/arm64", policy: "always" as const, preflight: "off" as const }
    expect(Schema.decodeUnknownSync(Codec.PullOptions)(travel(Schema.encodeSync(Codec.PullOptions)(options)))).toEqual(
      options
    )
    const client = { root: "/r", timeouts: { idle: 5 }, credentials: { "r.test": { username: "a", password: "b" } } }
    expect(Schema.decodeUnknownSync(Codec.PullerOptions)(travel(client))).toEqual(client)
  })
})

describe("what a stranger sends", () => {
  // `NotCached` needs none.
  test.for(samples.filter(([tag]) => tag !== "NotCached"))("%s without a field is refused", ([tag, fields]) => {
    const whole = sampleReason(tag).toJSON() as Record<string, unknown>
    const needed = Object.keys(fields).filter((key) => !["code", "detail", "retryAfterMillis"].includes(key))
    const { [needed[0] ?? ""]: _, ...broken } = whole
    expect(refusal(Codec.Reason, whole)).toBe("accepted")
    expect(refusal(Codec.Reason, broken)).toMatch(/Missing key|Expected/)
  })

  test.for(eventSamples)("%s with a field of another type is refused", ([, event]) => {
    const [key = ""] = Object.keys(event).filter((it) => it !== "_tag")
    expect(refusal(Codec.PullEvent, event)).toBe("accepted")
    expect(refusal(Codec.PullEvent, { ...event, [key]: Symbol.iterator })).toMatch(/Expected/)
  })

  test("is not an event, nor a reason, by another name", () => {
    expect(refusal(Codec.PullEvent, { _tag: "Exploded" })).toMatch(/Expected/)
    expect(refusal(Codec.Reason, { _tag: "toString" })).toMatch(/Expected/)
  })

  test("an option is refused with the sentence of the call", () => {
    expect(refusal(Codec.PullOptions, { platfrom: "linux/amd64" })).toContain("did you mean `platform`?")
    expect(refusal(Codec.PullOptions, { policy: "sometimes" })).toContain("must be missing, always or never")
    expect(refusal(Codec.PullOptions, { onEvent: "x" })).toContain("`onEvent` must be a function")
    expect(refusal(Codec.ListOptions, { limit: 0 })).toContain("`limit` must be a whole number")
  })
})
