/**
 * What one watcher is told, at its own pace. What it has not taken is bounded: the latest list, and the latest view of each
 * running pull.
 */
import { type Observable, Subscription } from "rxjs"
import type { PullView } from "../progress/PullView.ts"
import type { Update } from "../pulls/Protocol.ts"
import type { Pulls, TrackedPull } from "../pulls/Pulls.ts"

export class Feed {
  #list: ReadonlyArray<TrackedPull> | undefined
  readonly #views = new Map<string, PullView>()
  readonly #watched = new Map<string, Subscription>()
  readonly #subscription = new Subscription()
  #wake: (() => void) | undefined
  #isClosed = false

  constructor({ list$, view$ }: Pick<Pulls, "list$" | "view$">) {
    const close = () => this.close()
    this.#subscription.add(
      list$.subscribe({
        next: (list) => {
          this.#list = list
          // The list has them.
          this.#views.clear()
          const running = new Set(list.flatMap(({ id, state }) => (state === "running" ? [id] : [])))
          for (const [id, watching] of this.#watched) if (!running.has(id) || watching.closed) this.#leave(id)
          for (const id of running) if (!this.#watched.has(id)) this.#watch(id, view$(id))
          this.#wake?.()
        },
        error: close,
        complete: close
      })
    )
  }

  /** Not more than one at a time. `undefined`: nothing more comes. `wait`: milliseconds, after which it gives `"nothing"`. */
  readonly take = async (wait: number): Promise<Update | "nothing" | undefined> => {
    if (!this.#isClosed && this.#list === undefined && this.#views.size === 0) await this.#changed(wait)
    if (this.#list !== undefined) {
      const pulls = this.#list
      this.#list = undefined
      return { type: "list", pulls }
    }
    for (const [id, view] of this.#views) {
      this.#views.delete(id)
      return { type: "view", id, view }
    }
    return this.#isClosed ? undefined : "nothing"
  }

  /** All that is there, in the order that `take` would give it. */
  readonly takeAll = (): ReadonlyArray<Update> => {
    const list = this.#list
    const views = [...this.#views].map(([id, view]): Update => ({ type: "view", id, view }))
    this.#list = undefined
    this.#views.clear()
    return list === undefined ? views : [{ type: "list", pulls: list }, ...views]
  }

  readonly close = (): void => {
    this.#isClosed = true
    this.#subscription.unsubscribe()
    for (const id of [...this.#watched.keys()]) this.#leave(id)
    this.#wake?.()
  }

  readonly #changed = (wait: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, wait)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  readonly #watch = (id: string, view$: Observable<PullView>) => {
    const subscription = new Subscription()
    this.#watched.set(id, subscription)
    subscription.add(
      view$.subscribe((view) => {
        // Deleted first: the pull that was told of least lately comes first.
        this.#views.delete(id)
        this.#views.set(id, view)
        this.#wake?.()
      })
    )
  }
  readonly #leave = (id: string) => {
    this.#watched.get(id)?.unsubscribe()
    this.#watched.delete(id)
  }
}
