/** The bytes of a layer for a reader that may have to wait for a worker, and what is told of them meanwhile. */
import type * as Context from "effect/Context"
import { asyncScheduler, connect, defer, ignoreElements, merge, type Observable, tap, throttleTime } from "rxjs"
import type { Emit, LayerProgress } from "../../api/events.ts"
import type { Gate } from "../../reactive/Gate.ts"
import type { LayerDownload } from "./LayerDownload.ts"

/** Milliseconds between two events of one layer. */
export const progressInterval = 50

/** Tells, once, that the layer has started: to be called when bytes of it flow, kept ones or new ones. */
export const startOf = ({ layer: { digest, size }, partial }: LayerDownload, emit: Emit): (() => void) => {
  const offset = partial.size()
  let isTold = false
  return () => {
    if (isTold) return
    isTold = true
    emit({ _tag: "LayerStarted", digest, size, offset })
  }
}

/** The progress of a layer that is downloaded but not read. */
export const downloadProgress = ({ layer: { digest, size } }: LayerDownload, received: number): LayerProgress => ({
  _tag: "LayerProgress",
  digest,
  size,
  received,
  consumed: 0,
  inflated: 0,
  entries: 0
})

export interface LayerArrival {
  /** To be subscribed to while there is no worker, and until the reader of `bytes$` ends. */
  readonly ahead$: Observable<number>
  readonly bytes$: (gate: Gate) => Observable<Uint8Array>
  /** Tells a worker's progress, with all that was received: what it has not read yet, too. Nothing before bytes flow. */
  readonly progress: (event: LayerProgress) => void
}

export interface Listening {
  /** Hears the source. */
  readonly emit: Emit
  readonly context: Context.Context<never>
  /** Hears the start and the progress. Default: `emit`. */
  readonly tell?: Emit
  /** Called when bytes flow. Default: `LayerStarted` is told. */
  readonly started?: (() => void) | undefined
}

/** For one attempt. */
export const layerArrival = (
  download: LayerDownload,
  { emit, context, tell = emit, started = startOf(download, tell) }: Listening
): LayerArrival => {
  const { source, layer, partial } = download
  const arrival = partial.arrival((gate, offset) => source.blob$(layer, gate, { offset, emit, context }))
  const kept = partial.size()
  let received = 0
  let isRead = false
  let flows = false
  const start = () => {
    if (flows) return
    flows = true
    started()
  }
  const progress: LayerArrival["progress"] = (event) => {
    received = Math.max(received, event.received, partial.received())
    if (flows) tell({ ...event, received })
  }
  const tellArrived = (received: number) => {
    if (!isRead) progress(downloadProgress(download, received))
  }
  return {
    progress,
    ahead$: arrival.ahead$.pipe(
      tap((arrived) => arrived > kept && start()),
      connect((arrived$) =>
        merge(
          arrived$,
          arrived$.pipe(
            throttleTime(progressInterval, asyncScheduler, { leading: true, trailing: true }),
            tap(tellArrived),
            ignoreElements()
          )
        )
      )
    ),
    bytes$: (gate) =>
      defer(() => {
        isRead = true
        return arrival.bytes$(gate).pipe(tap({ next: start, complete: start }))
      })
  }
}
