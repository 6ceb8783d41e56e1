/** `ociflow resolve`, `tags`, `manifest`, `referrers` and `blob`: looking without pulling. */
import { once } from "node:events"
import * as Effect from "effect/Effect"
import { type Observable, tap } from "rxjs"
import { PullError } from "../../api/errors.ts"
import type { Emit } from "../../api/events.ts"
import { printable, printableJson } from "../../api/printable.ts"
import type { Referrer, Resolution } from "../../api/results/Lookup.ts"
import { Puller } from "../../Puller.ts"
import { formatBytes } from "../../progress/format.ts"
import { drain } from "../../reactive/bridge.ts"
import { Output } from "../Output.ts"
import { plainLine } from "../progress/plainLine.ts"
import { table } from "../text/table.ts"

const isPullError = (u: unknown): u is PullError => u instanceof PullError

/** What happens on the way is told beside the answer. */
export const telling = Effect.map(
  Output,
  ({ stderr }): Emit =>
    (event) => {
      const line = plainLine(event)
      if (line !== undefined) stderr.write(`${line}\n`)
    }
)

const resolved = ({ reference, digest, mediaType, platforms }: Resolution): string =>
  [
    table([
      ["reference", printable(reference)],
      ["digest", printable(digest)],
      ["type", printable(mediaType)]
    ]),
    ...(platforms.length === 0
      ? []
      : [
          table([
            ["PLATFORM", "DIGEST", "LAYERS", "SIZE"],
            ...platforms.map((it) => [
              printable(it.platform),
              printable(it.digest),
              String(it.layers),
              formatBytes(it.size)
            ])
          ])
        ])
  ].join("\n\n")

export const resolve = Effect.fnUntraced(function* (reference: string, json: boolean) {
  const { stdout } = yield* Output
  const emit = yield* telling
  const found = yield* Puller.use((puller) => puller.resolve(reference, {}, emit))
  stdout.write(`${json ? printableJson(found) : resolved(found)}\n`)
})

/** On a terminal to be read; elsewhere byte for byte, so that its digest can be checked. */
export const manifest = Effect.fnUntraced(function* (reference: string, platform: string | undefined, json: boolean) {
  const { stdout } = yield* Output
  const emit = yield* telling
  const { text, ...about } = yield* Puller.use((puller) => puller.manifest(reference, { platform }, emit))
  if (json) stdout.write(`${printableJson({ ...about, manifest: JSON.parse(text) })}\n`)
  else stdout.write(stdout.isTTY === true ? `${printableJson(JSON.parse(text), 2)}\n` : text)
})

/** Line by line as they come: a reader that has seen enough may leave. */
const listing = <A>(source: Observable<A>, line: (item: A) => string) =>
  Effect.flatMap(Output, ({ stdout }) =>
    drain(isPullError)(source.pipe(tap((item) => stdout.write(`${line(item)}\n`))))
  )

export const tags = Effect.fnUntraced(function* (reference: string, json: boolean) {
  const puller = yield* Puller
  if (!json) return void (yield* listing(puller.tags$(reference), (tag) => printable(tag)))
  const { stdout } = yield* Output
  stdout.write(`${printableJson(yield* puller.tags(reference))}\n`)
})

const described = ({ digest, artifactType, size }: Referrer) =>
  `${printable(digest)}  ${formatBytes(size)}  ${printable(artifactType ?? "")}`.trimEnd()

export const referrers = Effect.fnUntraced(function* (
  reference: string,
  artifactType: string | undefined,
  json: boolean
) {
  const puller = yield* Puller
  if (!json) return void (yield* listing(puller.referrers$(reference, { artifactType }), described))
  const { stdout } = yield* Output
  stdout.write(`${printableJson(yield* puller.referrers(reference, { artifactType }))}\n`)
})

/** A blob's bytes to the output, as fast as that takes them. */
export const blob = Effect.fnUntraced(function* (reference: string, digest: string) {
  const { stdout } = yield* Output
  const write = async (chunk: Uint8Array) => {
    if (!stdout.write(chunk)) await once(stdout, "drain")
  }
  yield* Puller.use((puller) => drain(isPullError)(puller.blob$(reference, digest, {}, write)))
})
