/**
 * Downloads several bodies at once, and emits their bytes in the order of the bodies. The first unfinished body flows
 * through the gate as it would alone. What arrives ahead of its turn is held, and never waits: a body that waited would keep
 * its connection, and the first one may need that. So memory is bounded by what is requested at once.
 */
import { Observable, Subscription } from "rxjs"
import { ByteQueue } from "../../reactive/ByteQueue.ts"
import { Gate } from "../../reactive/Gate.ts"

export type Body = (gate: Gate) => Observable<Uint8Array>

class Running {
  readonly gate = new Gate()
  readonly held = new ByteQueue()
  isOver = false
  readonly #subscription = new Subscription()

  start(body: Body, moved: () => void, failed: (error: unknown) => void): void {
    // Where it has been stopped by what comes at once, it ends here.
    this.#subscription.add(
      body(this.gate).subscribe({
        next: (chunk) => {
          this.held.push(chunk)
          moved()
        },
        error: failed,
        complete: () => {
          this.isOver = true
          moved()
        }
      })
    )
  }
  stop(): void {
    this.#subscription.unsubscribe()
    this.held.clear()
  }
}

/**
 * Subscribes to at most `atOnce` bodies, from the first unfinished one on; each is created when it is due. An error in
 * one is an error of all.
 */
export const inOrder = (bodies: Iterable<Body>, atOnce: number, gate: Gate): Observable<Uint8Array> =>
  new Observable((sink) => {
    const running: Array<Running> = []
    const due = bodies[Symbol.iterator]()
    let moving = false

    const begin = () => {
      while (running.length < atOnce && !sink.closed) {
        const { done, value: body } = due.next()
        if (done === true) break
        const one = new Running()
        running.push(one)
        one.start(body, move, (error) => sink.error(error))
      }
    }
    /** Emits what may flow. `next` may move the gate, and a body may end meanwhile: both call this again. */
    const move = () => {
      if (moving) return
      moving = true
      for (let first = running[0]; first !== undefined; first = running[0]) {
        while (gate.isOpen) {
          const chunk = first.held.shift()
          if (chunk === undefined) break
          sink.next(chunk)
        }
        if (first.held.bytes > 0 || !first.isOver) break
        running.shift()
        begin()
      }
      moving = false
      // Only the first obeys the gate.
      const [first] = running
      if (first === undefined) sink.complete()
      else if (gate.isOpen) first.gate.open()
      else first.gate.close()
    }

    sink.add(() => {
      for (const one of running) one.stop()
    })
    begin()
    sink.add(gate.open$.subscribe(move))
  })
