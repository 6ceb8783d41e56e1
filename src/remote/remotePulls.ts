/** The pulls of another program, with the face of `oci.pulls`. */
import {
  BehaviorSubject,
  defer,
  distinctUntilChanged,
  filter,
  map,
  merge,
  type Observable,
  repeat,
  retry,
  Subject,
  scan,
  shareReplay,
  takeWhile,
  tap,
  throwError,
  timer
} from "rxjs"
import type { Answer, Call, Update } from "../pulls/Protocol.ts"
import type { Pulls, TrackedPull } from "../pulls/Pulls.ts"
import { type Carrier, RefusedError } from "./Carrier.ts"

export interface RemotePulls extends Pulls {
  /** Whether updates arrive; emitted at once, and when it changes. False while nobody watches. */
  readonly connected$: Observable<boolean>
}

/** Milliseconds until the first try after a connection was lost, doubled for each further one up to the longest. */
const firstDelay = 500
const longestDelay = 10_000

interface State {
  readonly pulls: ReadonlyMap<string, TrackedPull>
  /** Started here, and not on the list yet: what a list that was on its way says of them is older. */
  readonly started: ReadonlyMap<string, TrackedPull>
  /** Another one for each list. */
  readonly list: number
}

type Change = Update | { readonly type: "started"; readonly pull: TrackedPull }

const isOlder = (pull: TrackedPull | undefined, than: TrackedPull) => (pull?.startedAt ?? 0) < (than.startedAt ?? 0)

const apply = (state: State, change: Change): State => {
  if (change.type === "started") {
    const { pull } = change
    const known = state.pulls.get(pull.id)
    if (known !== undefined && !isOlder(known, pull)) return state
    const pulls = new Map(state.pulls)
    pulls.delete(pull.id)
    return {
      pulls: pulls.set(pull.id, pull),
      started: new Map(state.started).set(pull.id, pull),
      list: state.list + 1
    }
  }
  if (change.type === "view") {
    const known = state.pulls.get(change.id)
    if (known === undefined) return state
    return { ...state, pulls: new Map(state.pulls).set(change.id, { ...known, view: change.view }) }
  }
  const told = new Map(change.pulls.map((pull) => [pull.id, pull]))
  const started = new Map([...state.started].filter(([id, pull]) => isOlder(told.get(id), pull)))
  return { pulls: new Map([...told, ...started]), started, list: state.list + 1 }
}

export const remotePulls = ({ call, updates$ }: Carrier): RemotePulls => {
  const connected = new BehaviorSubject(false)
  const started = new Subject<TrackedPull>()
  let failures = 0
  const again = (error: unknown) =>
    error instanceof RefusedError
      ? throwError(() => error)
      : timer(Math.min(longestDelay, firstDelay * 2 ** Math.min(failures++, 10)))
  const lost = () => connected.next(false)

  // Each connection begins with a list, and what it does not tell any more is in there. So nothing is missed.
  const changes$ = defer(() => updates$).pipe(
    tap({
      next: () => {
        failures = 0
        if (!connected.value) connected.next(true)
      },
      error: lost,
      complete: lost,
      unsubscribe: lost
    }),
    retry({ delay: again }),
    repeat({ delay: again })
  )
  const state$ = merge(changes$, started.pipe(map((pull): Change => ({ type: "started", pull })))).pipe(
    scan(apply, { pulls: new Map(), started: new Map(), list: 0 }),
    shareReplay({ bufferSize: 1, refCount: true })
  )

  const ask = async (...[method, ...params]: readonly [Call["method"], ...ReadonlyArray<unknown>]) => {
    const answer: Answer = await call({ method, params })
    if ("error" in answer) throw new RefusedError(answer.error)
    return answer.result
  }
  const begun = (pull: TrackedPull | undefined) => {
    if (pull?.state === "running") started.next(pull)
    return pull
  }

  return {
    connected$: connected.pipe(distinctUntilChanged()),
    list$: state$.pipe(
      distinctUntilChanged((a, b) => a.list === b.list),
      map(({ pulls }) => [...pulls.values()])
    ),
    view$: (id) =>
      state$.pipe(
        map(({ pulls }) => pulls.get(id)),
        takeWhile((pull) => pull !== undefined),
        filter((pull) => pull !== undefined),
        takeWhile(({ state }) => state === "running", true),
        map(({ view }) => view),
        distinctUntilChanged()
      ),
    start: async (reference, options) => begun(await ask("start", reference, options)) as TrackedPull,
    resume: async (id) => begun(await ask("resume", id)),
    get: (id) => ask("get", id),
    cancel: async (id) => void (await ask("cancel", id)),
    forget: async (id) => void (await ask("forget", id))
  }
}
