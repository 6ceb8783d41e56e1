/**
 * Draws `docs/trace.svg`: the spans of a real pull of three layers from the registry of `ociflow/testing`.
 *
 *     npm run build && npx tsx docs/trace.ts
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as OtelTracer from "@effect/opentelemetry/OtelTracer"
import { BasicTracerProvider, InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Puller, pull } from "ociflow"
import { fault, image, Prng, startRegistry } from "ociflow/testing"

const prng = new Prng("a trace")
const made = await image({ layers: [3, 9, 5].map((mebibytes) => ({ files: { [`srv/${mebibytes}`]: prng.bytes(mebibytes * 2 ** 20) } })) })
await using registry = await startRegistry({ images: { "acme/web:3.1": made } })
registry.fault({ kind: "manifest" }, fault.slow({ latency: 60 }))
registry.fault({ kind: "blob" }, fault.slow({ latency: 40, bytesPerSecond: 12 * 2 ** 20 }))

const exporter = new InMemorySpanExporter()
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
const tracing = OtelTracer.layer.pipe(Layer.provide(Layer.succeed(OtelTracer.OtelTracerProvider, provider)))
const root = await mkdtemp(join(tmpdir(), "ociflow-trace-"))
const puller = Puller.layer({ root, credentials: {}, workers: 3 })
await Effect.runPromise(pull(registry.reference("acme/web:3.1")).pipe(Effect.provide(Layer.provideMerge(puller, tracing))))
await rm(root, { recursive: true })

const millis = ([seconds, nanos]: readonly [number, number]) => seconds * 1000 + nanos / 1e6
const spans = exporter.getFinishedSpans()
const idOf = (span: ReadableSpan) => span.spanContext().spanId
const beneath = (parent: string | undefined, depth: number): ReadonlyArray<{ readonly span: ReadableSpan; readonly depth: number }> =>
  spans
    .filter((span) => span.parentSpanContext?.spanId === parent)
    .sort((a, b) => millis(a.startTime) - millis(b.startTime))
    .flatMap((span) => [{ span, depth }, ...beneath(idOf(span), depth + 1)])
const rows = beneath(undefined, 0)

const labelOf = ({ name, attributes }: ReadableSpan) => {
  if (name === "ociflow.request") return `request ${attributes["http.request.method"]} ${new URL(String(attributes["url.full"])).pathname.replace(/.*\/(manifests|blobs)\//, "$1/").slice(0, 25)}`
  if (name === "ociflow.layer") return `layer ${Math.round(Number(attributes["ociflow.size"]) / 2 ** 20)} MiB`
  return name
}
const [left, width, row] = [300, 560, 24]
const first = Math.min(...spans.map(({ startTime }) => millis(startTime)))
const total = Math.max(...spans.map(({ endTime }) => millis(endTime))) - first
const fill: Readonly<Record<string, string>> = { "ociflow.pull": "#3fb950", "ociflow.layer": "#39c5cf", "ociflow.request": "#7d8590" }
const lines = rows.map(({ span, depth }, index) => {
  const x = left + ((millis(span.startTime) - first) / total) * width
  const w = Math.max(2, ((millis(span.endTime) - millis(span.startTime)) / total) * width)
  const y = 14 + index * row
  const text = `<text x="${16 + depth * 16}" y="${y + 14}" fill="#e6edf3">${labelOf(span)}</text>`
  return `${text}<rect x="${x.toFixed(1)}" y="${y + 3}" width="${w.toFixed(1)}" height="13" rx="3" fill="${fill[span.name] ?? "#d29922"}"/>`
})
const height = 28 + rows.length * row
await writeFile(
  new URL("trace.svg", import.meta.url),
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 ${height}" font-family="ui-monospace, monospace" font-size="13" role="img" aria-label="A trace of a pull of three layers"><rect width="880" height="${height}" rx="8" fill="#0d1117"/>${lines.join("\n")}</svg>\n`
)
