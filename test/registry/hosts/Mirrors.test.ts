import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { describe, expect } from "vitest"
import { RateLimited, type Reason, RegistryError } from "../../../src/api/errors.ts"
import { endpointOf } from "../../../src/registry/address/Endpoint.ts"
import { makeMirrors } from "../../../src/registry/hosts/Mirrors.ts"
import { it } from "../../support/effect.ts"

const mirror = { endpoint: endpointOf("m.test", false), resolves: true, pulls: true }
const places = { origin: endpointOf("r.test", false), mirrors: [mirror] }

describe("a mirror that failed", () => {
  it.effect("is passed over for as long as it asked to be left in peace, whatever fails meanwhile", () =>
    Effect.gen(function* () {
      const mirrors = makeMirrors()
      const ready = Effect.map(mirrors.ready(places, { tag: true }), (it) => it.length)
      const fail = (reason: Reason) => mirrors.failed(mirror, reason, () => undefined)
      expect(yield* ready).toBe(1)
      yield* fail(new RateLimited({ url: "https://m.test/v2/", retryAfterMillis: 90_000 }))
      yield* fail(new RegistryError({ url: "https://m.test/v2/", status: 500 }))
      yield* TestClock.adjust(89_999)
      expect(yield* ready).toBe(0)
      yield* TestClock.adjust(1)
      expect(yield* ready).toBe(1)
      yield* fail(new RateLimited({ url: "https://m.test/v2/", retryAfterMillis: 1 }))
      yield* TestClock.adjust(29_999)
      expect(yield* ready).toBe(0)
    })
  )
})
