/** Reads layers of an image by their tables of contents, where no tree is made of them. Nothing else of a layer is downloaded. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { Observable, ReplaySubject } from "rxjs"
import { isReason, type Reason } from "../../api/errors.ts"
import type { PackedHeaders } from "../../layer/packHeaders.ts"
import type { Range, TablePlace } from "../../layer/partial/Table.ts"
import { ExtractionPool, type JobEvent } from "../../layer/pool/ExtractionPool.ts"
import type { EntryMessage, HeadersMessage } from "../../layer/workerMessages.ts"
import { drain } from "../../reactive/bridge.ts"
import { RangesIgnored } from "../../registry/blob/openBlob.ts"
import type { FoundImage, ResolvedLayer } from "../../registry/Registry.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import { emit, PullEvents } from "../events/PullEvents.ts"
import { smallestLayer } from "./makePartialLayers.ts"
import { placeOf } from "./placeOf.ts"
import { ofTheTable } from "./pullPartial.ts"
import { tableAndRanges$, unpackRanges } from "./ranges.ts"
import { type AnnotatedTable, annotatedTables } from "./tablePlaces.ts"

/** The table, or bytes that it tells of, cannot be used: the layer has to be read whole. */
export class TableUnusable extends Data.TaggedError("TableUnusable")<{ readonly problem: string }> {}

export interface LayerTables {
  /** The headers of all entries. `undefined`: the layer has no table that can be used; a warning says why. */
  readonly headers: (layer: ResolvedLayer) => Effect.Effect<Array<PackedHeaders> | undefined, Reason, ExtractionPool>
  /** The bytes of a file, by its number among the headers; `undefined` where these did not come from a table. */
  readonly file: (
    layer: ResolvedLayer,
    ordinal: number
  ) => Effect.Effect<Buffer | undefined, Reason | TableUnusable, ExtractionPool>
}

const isFailure = (error: unknown): error is Reason | RangesIgnored => isReason(error) || error instanceof RangesIgnored

const unusable = (failure: Reason | RangesIgnored): Reason | TableUnusable => {
  if (failure instanceof RangesIgnored) return new TableUnusable({ problem: "the host sends no ranges" })
  return ofTheTable.has(failure._tag) ? new TableUnusable({ problem: failure.message }) : failure
}

const warn = ({ digest }: ResolvedLayer, { problem }: TableUnusable) =>
  emit({ _tag: "Warning", code: "NotPartial", digest, message: `layer ${digest} is read whole: ${problem}` })

/** `wanted`: the number of a file. */
const read = Effect.fnUntraced(function* (
  source: ImageSource,
  layer: ResolvedLayer,
  table: TablePlace,
  wanted: number | undefined,
  receive: (message: EntryMessage | HeadersMessage) => void
) {
  const pool = yield* ExtractionPool
  const from = { source, layer, emit: yield* PullEvents, context: yield* Effect.context<never>() }
  const { digest, size } = layer
  const reading$ = new Observable<JobEvent>((events) => {
    const decided$ = new ReplaySubject<ReadonlyArray<Range>>(1)
    if (wanted === undefined) decided$.complete()
    const job = { digest, size, table, wanted }
    return pool
      .table$(job, (gate) => tableAndRanges$(from, table, decided$, gate), {
        planned: (message, ring) => {
          if (message._tag !== "Planned") return
          ring.decide(1, true)
          decided$.next(unpackRanges(message.plan.ranges))
        },
        receive
      })
      .subscribe(events)
  })
  yield* drain(isFailure)(reading$).pipe(Effect.mapError(unusable))
})

export const readTables = (source: ImageSource, image: FoundImage): LayerTables => {
  const annotated = annotatedTables(image)
  /** Of layers whose headers came from a table, by digest. */
  const places = new Map<string, TablePlace>()

  const findHeaders = Effect.fnUntraced(function* (layer: ResolvedLayer, named: AnnotatedTable) {
    const place = yield* placeOf(source, layer, named)
    if (place === undefined) return yield* new TableUnusable({ problem: "no table is where its footer says" })
    const all: Array<PackedHeaders> = []
    yield* read(source, layer, place, undefined, (message) => {
      if (message._tag === "Headers") all.push(message.headers)
    })
    places.set(layer.digest, place)
    return all
  })

  return {
    headers: (layer) => {
      const named = layer.size < smallestLayer ? undefined : annotated.get(layer.digest)
      if (named === undefined) return Effect.undefined
      return findHeaders(layer, named).pipe(
        Effect.catchTag("TableUnusable", (problem) => Effect.as(warn(layer, problem), undefined))
      )
    },
    file: Effect.fnUntraced(function* (layer, ordinal) {
      const place = places.get(layer.digest)
      if (place === undefined) return undefined
      const pieces: Array<Uint8Array> = []
      yield* read(source, layer, place, ordinal, (message) => {
        if (message._tag === "Data") pieces.push(message.chunk)
      }).pipe(Effect.tapErrorTag("TableUnusable", (problem) => warn(layer, problem)))
      return Buffer.concat(pieces)
    })
  }
}
