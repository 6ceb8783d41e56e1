/**
 * One request and its answer, over undici's dispatcher: its handler is an observer and its controller the
 * subscription. The request belongs to the scope: closing it aborts whatever still runs and leaves no socket.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Observable, type Subscriber } from "rxjs"
import type { Dispatcher } from "undici"
import { ByteQueue } from "../../reactive/ByteQueue.ts"
import type { Gate } from "../../reactive/Gate.ts"
import type { Connection, Pausable } from "../../seams/undici/GuardedClient.ts"
import { RateMonitor, type Timing } from "./RateMonitor.ts"

type Headers = Parameters<NonNullable<Dispatcher.DispatchHandler["onResponseStart"]>>[2]

/** The head of an answer; its body waits in the socket until `body$` is subscribed to, which may happen once. */
export interface Response {
  readonly status: number
  readonly headers: Headers
  /** The address that the connection was made to, and that answered. */
  readonly peer?: string | undefined
  /** The body, in pieces of at most 32 KiB. While the gate is closed, the rest of one read of the socket is held. */
  readonly body$: (gate: Gate) => Observable<Uint8Array>
}

/** The gate is looked at after each piece of this many bytes. */
const piece = 32_768

/** No bytes came within the time limit, while the gate was open. */
export class IdleTimeout extends Error {
  readonly code = "IDLE_TIMEOUT"
}

/** A piece of at least so many bytes is passed on at once, without a copy. */
const large = 4096

/** The answer that undici's parser is working on. It parses one at a time, and no other may be resumed meanwhile. */
let parsing: Exchange | undefined

class Exchange implements Dispatcher.DispatchHandler {
  readonly #timing: Timing
  readonly #answered: (answer: Response) => void
  readonly #failed: (error: unknown) => void
  #controller: Dispatcher.DispatchController | undefined
  #connection: Connection | undefined
  #sink: Subscriber<Uint8Array> | undefined
  /** Emitted before what is held behind it. */
  #next: Uint8Array | undefined
  readonly #held = new ByteQueue()
  #isDue = false
  #open = false
  #flowing = false
  #aborted = false
  #end: { readonly error?: unknown } | undefined
  #timer: NodeJS.Timeout | undefined
  #rate: RateMonitor | undefined

  constructor(timing: Timing, answered: (answer: Response) => void, failed: (error: unknown) => void) {
    this.#timing = timing
    this.#answered = answered
    this.#failed = failed
  }

  /** Before a connection is established there is no controller: then the request is aborted as it starts. */
  abort(reason: Error): void {
    clearTimeout(this.#timer)
    this.#rate?.stop()
    if (this.#end !== undefined || this.#aborted) return
    this.#aborted = true
    this.#controller?.abort(reason)
  }

  get isPaused(): boolean {
    return this.#end === undefined && this.#controller?.paused === true
  }

  onDispatch(connection: Connection): void {
    this.#connection = connection
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#aborted) controller.abort(new Error("no longer wanted"))
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    if (status < 200 || this.#aborted) return
    controller.pause()
    const answer = { status, headers, peer: this.#connection?.peer, body$: (gate: Gate) => this.#body$(gate) }
    this.#parsing(() => this.#answered(answer))
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#timer?.refresh()
    this.#rate?.count(chunk.length)
    if (this.#next === undefined && this.#held.bytes === 0 && chunk.length >= large) {
      this.#next = chunk
      this.#parsing(() => this.#flow())
    } else {
      this.#held.push(chunk)
      if (this.#held.bytes >= piece) this.#parsing(() => this.#flow())
      else this.#flowSoon()
    }
  }

  /** Merges the small chunks of one read of the socket: by the next tick, the parser is done with it. */
  #flowSoon(): void {
    if (this.#isDue) return
    this.#isDue = true
    process.nextTick(() => {
      this.#isDue = false
      this.#flow()
    })
  }

  #parsing(step: () => void): void {
    parsing = this
    try {
      step()
    } finally {
      parsing = undefined
    }
  }

  onResponseEnd(): void {
    this.#end = {}
    this.#connection?.release()
    this.#parsing(() => this.#flow())
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (this.#end !== undefined) return
    this.#end = { error }
    this.#connection?.release()
    if (this.#sink === undefined) this.#failed(error)
    else this.#flow()
  }

  #body$(gate: Gate): Observable<Uint8Array> {
    return new Observable((sink) => {
      this.#sink = sink
      const fail = (error: Error) => {
        this.abort(error)
        sink.error(error)
      }
      const { idle } = this.#timing
      this.#timer = setTimeout(() => {
        // While the gate is closed, silence is our own doing. Opening it starts the timeout anew.
        if (this.#open && this.#end === undefined) fail(new IdleTimeout(`no bytes for ${idle} ms`))
      }, idle)
      this.#rate = new RateMonitor(this.#timing, (slow) => {
        if (this.#end === undefined) fail(slow)
      })
      sink.add(() => this.abort(new Error("unsubscribed")))
      sink.add(
        gate.open$.subscribe((open) => {
          this.#open = open
          if (open) this.#timer?.refresh()
          this.#rate?.gate(open)
          this.#flow()
        })
      )
    })
  }

  /** Emits what is held while the gate is open, then resumes or pauses the socket. */
  #flow(): void {
    const sink = this.#sink
    // `next` may move the gate, and `resume` may deliver at once: both call this again.
    if (sink === undefined || this.#flowing) return
    this.#flowing = true
    while (this.#open && !sink.closed) {
      const next = this.#next ?? this.#held.shift()
      if (next === undefined) break
      this.#next = next.length > piece ? next.subarray(piece) : undefined
      sink.next(next.length > piece ? next.subarray(0, piece) : next)
    }
    this.#flowing = false
    if (sink.closed) return
    if (this.#next === undefined && this.#held.bytes === 0 && this.#end !== undefined) {
      if ("error" in this.#end) sink.error(this.#end.error)
      else sink.complete()
    } else if (!this.#open) this.#controller?.pause()
    else if (parsing === undefined || parsing === this) this.#controller?.resume()
    else this.#flowSoon()
  }
}

/** Sends a request; succeeds with the head of the answer, fails with what undici or the system says. */
export const exchange = Effect.fnUntraced(function* (
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  timing: Timing
): Effect.fn.Return<Response, unknown, Scope.Scope> {
  let abort = (): void => undefined
  yield* Effect.addFinalizer(() => Effect.sync(() => abort()))
  return yield* Effect.callback<Response, unknown>((resume) => {
    const running = new Exchange(
      timing,
      (answer) => resume(Effect.succeed(answer)),
      (error) => resume(Effect.fail(error))
    )
    abort = () => running.abort(new Error("no longer wanted"))
    const pausable: Pausable = {
      ...options,
      isPaused: () => running.isPaused,
      onDispatch: (connection) => running.onDispatch(connection)
    }
    dispatcher.dispatch(pausable, running)
  })
})
