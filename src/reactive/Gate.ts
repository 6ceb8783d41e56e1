/**
 * The thread of demand that runs back through a layer: the slowest stage closes it, the source honours it, and
 * whatever lies between stays a plain synchronous operator. RxJS has no backpressure of its own; this is all of ours.
 */
import type { Observable } from "rxjs"
import { BehaviorSubject, distinctUntilChanged } from "../seams/rxjs.ts"

export class Gate {
  readonly #state = new BehaviorSubject(true)
  /** `true` while bytes may flow; replays the current state, so that a source that resumes learns it at once. */
  readonly open$: Observable<boolean> = this.#state.pipe(distinctUntilChanged())
  get isOpen(): boolean {
    return this.#state.value
  }
  readonly open = (): void => this.#state.next(true)
  readonly close = (): void => this.#state.next(false)
}
