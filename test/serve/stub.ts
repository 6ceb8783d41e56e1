/** Pulls that do what a test says, with the face of a client's. */
import { BehaviorSubject, EMPTY } from "rxjs"
import { initial } from "../../src/progress/advance.ts"
import type { PullView } from "../../src/progress/PullView.ts"
import type { PullState, Pulls, TrackedPull } from "../../src/pulls/Pulls.ts"

export const stubPulls = () => {
  const views = new Map<string, BehaviorSubject<PullView>>()
  const states = new Map<string, PullState>()
  const starts = new Map<string, number>()
  const list = new BehaviorSubject<ReadonlyArray<TrackedPull>>([])
  const asked: Array<ReadonlyArray<unknown>> = []
  let clock = 0
  const tracked = (id: string): TrackedPull | undefined => {
    const view = views.get(id)?.value
    const state = states.get(id)
    if (view === undefined || state === undefined) return undefined
    return { id, reference: id, state, startedAt: starts.get(id) ?? 0, view }
  }
  const announce = () => list.next([...views.keys()].flatMap((id) => tracked(id) ?? []))
  const start: Pulls["start"] = async (reference, options) => {
    asked.push(["start", reference, options])
    if (states.get(reference) !== "running") {
      views.delete(reference)
      views.set(reference, new BehaviorSubject<PullView>({ ...initial.view, reference }))
      states.set(reference, "running")
      starts.set(reference, ++clock)
      announce()
    }
    return tracked(reference) as TrackedPull
  }
  const end = (id: string, state: PullState) => {
    states.set(id, state)
    views.get(id)?.complete()
    announce()
  }
  const pulls: Pulls = {
    start,
    list$: list,
    view$: (id) => views.get(id) ?? EMPTY,
    get: async (id) => tracked(id),
    cancel: async (id) => {
      asked.push(["cancel", id])
      end(id, "cancelled")
    },
    resume: async (id) => (states.has(id) ? start(id) : undefined),
    forget: async (id) => {
      views.delete(id)
      states.delete(id)
      announce()
    }
  }
  const receive = (id: string, received: number) => {
    const subject = views.get(id)
    subject?.next({ ...subject.value, phase: "pulling", total: 1000, received })
  }
  return { pulls, asked, receive, end, list, watchers: () => [...views.values()].filter((it) => it.observed).length }
}
