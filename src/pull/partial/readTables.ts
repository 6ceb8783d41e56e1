/** Reads layers of an image by their tables of contents, where no tree is made of them. Nothing else of a layer is downloaded. */
import * as Effect from "effect/Effect"
import { from, Observable, ReplaySubject, tap } from "rxjs"
import type { Reason } from "../../api/errors.ts"
import type { EntryMessage, HeadersMessage } from "../../layer/messages/WorkerMessage.ts"
import type { PackedHeaders } from "../../layer/packHeaders.ts"
import type { Range, TablePlace } from "../../layer/partial/Table.ts"
import { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import { drain } from "../../reactive/bridge.ts"
import type { Gate } from "../../reactive/Gate.ts"
import { inOrder } from "../../registry/blob/inOrder.ts"
import type { FoundImage, ResolvedLayer } from "../../registry/Registry.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import { PullEvents } from "../events/PullEvents.ts"
import { SharedWork } from "../flights/SharedWork.ts"
import { smallestLayer } from "./makePartialLayers.ts"
import { type RangeSource, table$, tableAndRanges$, unpackRanges } from "./ranges.ts"
import { asUnusable, isRangeFailure, type TableUnusable, warnUnusable } from "./TableUnusable.ts"
import { tablePlaceOf } from "./tablePlaceOf.ts"
import { type AnnotatedTable, annotatedTables } from "./tablePlaces.ts"

export interface LayerTables {
  /** The headers of all entries. `add` hears of them as they come, and may throw a `Reason`. `undefined`: the layer has no table that can be used; a warning says why. */
  readonly headers: (
    layer: ResolvedLayer,
    add: (headers: PackedHeaders) => void
  ) => Effect.Effect<Array<PackedHeaders> | undefined, Reason, ExtractionPool | SharedWork>
  /** The bytes of a file, by its number among the headers; `undefined` where these did not come from a table. */
  readonly file: (
    layer: ResolvedLayer,
    ordinal: number
  ) => Effect.Effect<Buffer | undefined, Reason | TableUnusable, ExtractionPool | SharedWork>
}

const warn = ({ digest }: ResolvedLayer, problem: TableUnusable) => warnUnusable(digest, problem, "read")

/** Bytes of an image's tables that are kept in memory from the headers to the file. */
const mostKept = 2 ** 23

interface LayerTable {
  readonly place: TablePlace
  /** Its bytes, once they came; absent where they are too many to be kept. */
  readonly bytes: Array<Uint8Array> | undefined
}

/** `isRead`: the table was read before, so all of it is in `bytes`, if it is kept. */
const tableBytes$ = (at: RangeSource, { place, bytes }: LayerTable, gate: Gate, isRead: boolean) => {
  if (bytes === undefined) return table$(at, place, gate)
  if (isRead) return inOrder([() => from(bytes)], 1, gate)
  bytes.length = 0
  return table$(at, place, gate).pipe(tap((piece) => bytes.push(Buffer.from(piece))))
}

/** What a worker sends of a layer. `wanted`: the number of a file; default: the headers. */
const read = Effect.fnUntraced(function* (
  source: ImageSource,
  layer: ResolvedLayer,
  table: LayerTable,
  use: (message: EntryMessage | HeadersMessage) => void,
  wanted?: number
) {
  const pool = yield* ExtractionPool
  const permits = (yield* SharedWork).downloads.forPull()
  const at = { source, layer, emit: yield* PullEvents, context: yield* Effect.context<never>() }
  const { digest, size } = layer
  const messages$ = new Observable<EntryMessage | HeadersMessage>((messages) => {
    const decided$ = new ReplaySubject<ReadonlyArray<Range>>(1)
    if (wanted === undefined) decided$.complete()
    const job = { digest, size, table: table.place, wanted }
    return pool
      .table$(job, (gate) => tableAndRanges$(at, tableBytes$(at, table, gate, wanted !== undefined), decided$, gate), {
        planned: (message, ring) => {
          if (message._tag !== "Planned") return
          ring.decide(1, true)
          decided$.next(unpackRanges(message.plan.ranges))
        },
        receive: (message) => messages.next(message)
      })
      .subscribe({ error: (error) => messages.error(error), complete: () => messages.complete() })
  })
  const reading = drain(isRangeFailure)(messages$.pipe(tap(use)))
  yield* permits.withPermit(reading).pipe(Effect.mapError(asUnusable))
})

export const readTables = (source: ImageSource, image: FoundImage): LayerTables => {
  const annotated = annotatedTables(image)
  /** Of layers whose headers came from a table, by digest. */
  const tables = new Map<string, LayerTable>()
  let kept = 0

  const findHeaders = Effect.fnUntraced(function* (
    layer: ResolvedLayer,
    named: AnnotatedTable,
    add: (headers: PackedHeaders) => void
  ) {
    const place = yield* tablePlaceOf(source, layer, named)
    const isKept = kept + place.length <= mostKept
    if (isKept) kept += place.length
    const table = { place, bytes: isKept ? [] : undefined }
    const all: Array<PackedHeaders> = []
    yield* read(source, layer, table, (message) => {
      if (message._tag !== "Headers") return
      add(message.headers)
      all.push(message.headers)
    }).pipe(
      Effect.tapErrorTag("TableUnusable", () =>
        Effect.sync(() => {
          if (isKept) kept -= place.length
        })
      )
    )
    tables.set(layer.digest, table)
    return all
  })

  return {
    headers: (layer, add) => {
      const named = layer.size < smallestLayer ? undefined : annotated.get(layer.digest)
      if (named === undefined) return Effect.undefined
      return findHeaders(layer, named, add).pipe(
        Effect.catchTag("TableUnusable", (problem) => Effect.as(warn(layer, problem), undefined))
      )
    },
    file: Effect.fnUntraced(function* (layer, ordinal) {
      const table = tables.get(layer.digest)
      if (table === undefined) return undefined
      const pieces: Array<Uint8Array> = []
      const take = (message: EntryMessage | HeadersMessage) => {
        if (message._tag === "Data") pieces.push(message.chunk)
      }
      yield* read(source, layer, table, take, ordinal).pipe(
        Effect.tapErrorTag("TableUnusable", (problem) => warn(layer, problem))
      )
      return Buffer.concat(pieces)
    })
  }
}
