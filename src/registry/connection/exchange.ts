/**
 * One request and its answer, over undici's dispatcher: its handler is an observer and its controller the
 * subscription. The request belongs to the scope: closing it aborts whatever still runs and leaves no socket.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Observable, type Subscriber } from "rxjs"
import type { Dispatcher } from "undici"
import type { Gate } from "../../reactive/Gate.ts"
import { countRead } from "../../seams/readBuffers.ts"
import type { Pausable } from "./GuardedClient.ts"

type Headers = Parameters<NonNullable<Dispatcher.DispatchHandler["onResponseStart"]>>[2]

/** The head of an answer; its body waits in the socket until `body$` is subscribed to, which may happen once. */
export interface Exchanged {
  readonly status: number
  readonly headers: Headers
  /** The body, in pieces of at most 32 KiB. While the gate is closed, the rest of one read of the socket is held. */
  readonly body$: (gate: Gate) => Observable<Uint8Array>
}

/** The gate is looked at after each piece of this many bytes. */
const piece = 32_768

/** No bytes for the time limit, while we wanted some. */
export class IdleTimeout extends Error {
  readonly code = "IDLE_TIMEOUT"
}

class Exchange implements Dispatcher.DispatchHandler {
  readonly #idle: number
  readonly #answered: (answer: Exchanged) => void
  readonly #failed: (error: unknown) => void
  #controller: Dispatcher.DispatchController | undefined
  #sink: Subscriber<Uint8Array> | undefined
  #held: Uint8Array | undefined
  #open = false
  #flowing = false
  #aborted = false
  #end: { readonly error?: unknown } | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(idle: number, answered: (answer: Exchanged) => void, failed: (error: unknown) => void) {
    this.#idle = idle
    this.#answered = answered
    this.#failed = failed
  }

  /** Before the connection stands there is no controller yet: then the request is dropped as soon as it would start. */
  abort(reason: Error): void {
    clearTimeout(this.#timer)
    if (this.#end !== undefined || this.#aborted) return
    this.#aborted = true
    this.#controller?.abort(reason)
  }

  get isPaused(): boolean {
    return this.#end === undefined && this.#controller?.paused === true
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#aborted) controller.abort(new Error("no longer wanted"))
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    if (status < 200 || this.#aborted) return
    controller.pause()
    this.#answered({ status, headers, body$: (gate) => this.#body$(gate) })
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#timer?.refresh()
    countRead(chunk.length)
    this.#held = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk])
    this.#flow()
  }

  onResponseEnd(): void {
    this.#end = {}
    this.#flow()
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (this.#end !== undefined) return
    this.#end = { error }
    if (this.#sink === undefined) this.#failed(error)
    else this.#flow()
  }

  #body$(gate: Gate): Observable<Uint8Array> {
    return new Observable((sink) => {
      this.#sink = sink
      this.#timer = setTimeout(() => {
        // The silence of a closed gate is our own. Opening it starts the clock anew.
        if (this.#open && this.#end === undefined) {
          this.abort(new IdleTimeout())
          sink.error(new IdleTimeout(`no bytes for ${this.#idle} ms`))
        }
      }, this.#idle)
      sink.add(() => this.abort(new Error("unsubscribed")))
      sink.add(
        gate.open$.subscribe((open) => {
          this.#open = open
          if (open) this.#timer?.refresh()
          this.#flow()
        })
      )
    })
  }

  /** Hands on what is held while the gate is open, then asks for more, or for nothing. */
  #flow(): void {
    const sink = this.#sink
    // `next` may move the gate, and `resume` may deliver at once: both come back here.
    if (sink === undefined || this.#flowing) return
    this.#flowing = true
    while (this.#open && this.#held !== undefined && !sink.closed) {
      const held = this.#held
      this.#held = held.length > piece ? held.subarray(piece) : undefined
      sink.next(held.length > piece ? held.subarray(0, piece) : held)
    }
    this.#flowing = false
    if (sink.closed) return
    if (this.#held === undefined && this.#end !== undefined) {
      if ("error" in this.#end) sink.error(this.#end.error)
      else sink.complete()
    } else if (this.#open) this.#controller?.resume()
    else this.#controller?.pause()
  }
}

/** Sends a request; succeeds with the head of the answer, fails with what undici or the system says. */
export const exchange = Effect.fnUntraced(function* (
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  idle: number
): Effect.fn.Return<Exchanged, unknown, Scope.Scope> {
  let abort = (): void => undefined
  yield* Effect.addFinalizer(() => Effect.sync(() => abort()))
  return yield* Effect.callback<Exchanged, unknown>((resume) => {
    const running = new Exchange(
      idle,
      (answer) => resume(Effect.succeed(answer)),
      (error) => resume(Effect.fail(error))
    )
    abort = () => running.abort(new Error("no longer wanted"))
    const pausable: Pausable = { ...options, isPaused: () => running.isPaused }
    dispatcher.dispatch(pausable, running)
  })
})
