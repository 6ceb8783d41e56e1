/** Views that no pull came to: any phase, any number. */
import fc from "fast-check"
import type { LayerView, PullView, RetryView } from "../../src/progress/PullView.ts"
import { digestOf } from "./events.ts"

const any = fc.maxSafeNat()
const duration = fc.nat(10 ** 10)

const retry: fc.Arbitrary<RetryView> = fc.record({
  attempt: fc.nat(999),
  at: duration,
  reason: fc.string({ maxLength: 60 }),
  message: fc.constant("")
})

const layer: fc.Arbitrary<LayerView> = fc.record(
  {
    digest: fc.nat(99).map(digestOf),
    size: any,
    phase: fc.constantFrom("queued", "waiting", "downloading", "extracting", "retrying", "cached", "done"),
    received: any,
    extracted: any,
    entries: any,
    retry
  },
  { requiredKeys: ["digest", "size", "phase", "received", "extracted", "entries"] }
)

export const views: fc.Arbitrary<PullView> = fc
  .record(
    {
      reference: fc.string({ unit: "grapheme-ascii", maxLength: 300 }),
      phase: fc.constantFrom("resolving", "pulling", "done", "failed"),
      platform: fc.string({ maxLength: 30 }),
      total: any,
      received: any,
      extracted: any,
      fraction: fc.double({ min: 0, max: 1, noNaN: true }),
      downloaded: any,
      speed: any,
      remaining: duration,
      elapsed: duration,
      layers: fc.array(layer, { maxLength: 12 }),
      retry
    },
    { noNullPrototype: true }
  )
  .map((view) => ({ ...view, warnings: [], cached: false }))
