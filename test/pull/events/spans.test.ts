/** What a tracer sees of a pull, by the OpenTelemetry SDK; and whose services its requests have. */
import * as OtelTracer from "@effect/opentelemetry/OtelTracer"
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import { describe, expect } from "vitest"
import type { LayoutName } from "../../../src/api/config.ts"
import { Puller, pull } from "../../../src/Puller.ts"
import { fault, image, startRegistry } from "../../../src/testing/index.ts"
import { until } from "../../registry/server.ts"
import { it } from "../../support/effect.ts"
import { temporaryRoot } from "../../support/open.ts"

const threeLayers = async () => {
  const layers = ["one", "two", "three"].map((name) => ({ files: { [`etc/${name}`]: `${name}\n` } }))
  const made = await image({ layers })
  return { made, registry: await startRegistry({ images: { "app:1": made } }) }
}

/** A tracer of the OpenTelemetry SDK, and what was exported. */
const otel = () => {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const layer = OtelTracer.layer.pipe(Layer.provide(Layer.succeed(OtelTracer.OtelTracerProvider, provider)))
  return { layer, finished: () => exporter.getFinishedSpans() }
}

const served = Effect.gen(function* () {
  const { made, registry } = yield* Effect.promise(threeLayers)
  yield* Effect.addFinalizer(() => Effect.promise(() => registry.close()))
  const { root } = yield* Effect.acquireDisposable(Effect.promise(temporaryRoot))
  return { made, registry, root, reference: registry.reference("app:1") }
})

describe.each(["layers", "rootfs", "erofs"] satisfies Array<LayoutName>)("a pull in the layout %s", (layout) => {
  it.live(
    "is one trace: the pull, beneath it its layers, beneath these their requests",
    () =>
      Effect.gen(function* () {
        const { made, registry, root, reference } = yield* served
        const { layer, finished } = otel()
        const puller = Puller.layer({ root, layout, credentials: {} })
        yield* Effect.all([pull(reference), pull(reference)]).pipe(Effect.provide(Layer.provideMerge(puller, layer)))
        const spans = finished()
        const named = (name: string) => spans.filter((span) => span.name === name)
        const [first, cached] = named("ociflow.pull")
        const attributes = { "ociflow.reference": reference, "ociflow.digest": made.digest }
        const layers = made.manifests[0]?.layers ?? []
        const bytes = layers.reduce((sum, { size }) => sum + size, 0)
        expect(first?.attributes).toMatchObject({ ...attributes, "ociflow.cached": false, "ociflow.bytes": bytes })
        expect(first?.attributes["ociflow.platform"]).toMatch(/^linux\//)
        expect(cached?.attributes).toMatchObject({ ...attributes, "ociflow.cached": true, "ociflow.bytes": 0 })

        const trace = spans.filter((span) => span.spanContext().traceId === first?.spanContext().traceId)
        expect(spans.filter((span) => !trace.includes(span))).toEqual([cached])
        const parent = new Map(trace.map((span) => [span.spanContext().spanId, span]))
        const above = (span: (typeof trace)[number]) => parent.get(span.parentSpanContext?.spanId ?? "")?.name
        const ofLayers = named("ociflow.layer")
        expect(ofLayers.map(({ attributes }) => attributes["ociflow.digest"]).sort()).toEqual(
          layers.map(({ digest }) => digest).sort()
        )
        for (const { attributes } of ofLayers) expect(attributes["ociflow.bytes"]).toBe(attributes["ociflow.size"])
        const requests = named("ociflow.request")
        const blobs = requests.filter(({ attributes }) =>
          layers.some(({ digest }) => String(attributes["url.full"]).endsWith(digest))
        )
        expect(blobs).toHaveLength(3)
        expect(blobs.map(above)).toEqual(blobs.map(() => "ociflow.layer"))
        expect(requests.length).toBe(registry.log.count())
        const kinds = new Set(spans.map(({ name }) => name))
        kinds.delete("ociflow.rootfs")
        expect([...kinds].sort()).toEqual(["ociflow.layer", "ociflow.pull", "ociflow.request"])
      }),
    60_000
  )
})

it.live("a pull that joins another has a span of its own, with a link to the other's", () =>
  Effect.gen(function* () {
    const { made, registry, root, reference } = yield* served
    const digest = made.manifests[0]?.layers[0]?.digest ?? ""
    registry.fault({ kind: "blob", reference: digest, times: 1 }, fault.slow({ latency: 300 }))
    const { layer, finished } = otel()
    yield* Effect.all([pull(reference), pull(reference)], { concurrency: 2 }).pipe(
      Effect.provide(Layer.provideMerge(Puller.layer({ root, credentials: {} }), layer))
    )
    const pulls = finished().filter(({ name }) => name === "ociflow.pull")
    const linked = pulls.filter(({ links }) => links.length > 0)
    const [one] = linked
    expect([pulls.length, linked.length]).toEqual([2, 1])
    const other = pulls.find((span) => span !== one)
    expect(one?.links[0]?.context.spanId).toBe(other?.spanContext().spanId)
    expect(one?.attributes).toMatchObject({ "ociflow.cached": false, "ociflow.digest": made.digest })
  })
)

it.live("the clock that a pull is given is that of its blobs' retries, too", () =>
  Effect.gen(function* () {
    const { made, registry, root, reference } = yield* served
    const digest = made.manifests[0]?.layers[0]?.digest ?? ""
    registry.fault({ kind: "blob", reference: digest, times: 1 }, fault.cut(5))
    // The puller has the real clock, which would not come to an hour.
    const puller = yield* Layer.build(
      Puller.layer({ root, credentials: {}, retry: { base: 3_600_000, cap: 3_600_000 } })
    )
    const retrying: Array<number> = []
    yield* Effect.gen(function* () {
      const pulling = yield* Effect.forkChild(
        pull(reference, {}, (event) => {
          if (event._tag === "Retrying") retrying.push(event.delay)
        })
      )
      yield* until(() => retrying.length > 0)
      yield* TestClock.adjust("2 hours")
      expect((yield* Fiber.join(pulling)).digest).toBe(made.digest)
    }).pipe(Effect.provide(puller), Effect.provide(TestClock.layer()))
    expect(registry.log.count({ kind: "blob", reference: digest })).toBe(2)
  })
)
