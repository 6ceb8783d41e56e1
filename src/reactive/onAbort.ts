/** What is to happen when a signal is aborted: one listener on each signal, whatever waits for it. */
interface Waiting {
  readonly acts: Set<() => void>
  readonly abort: () => void
}

const known = new WeakMap<AbortSignal, Waiting>()

const waitingFor = (signal: AbortSignal): Waiting => {
  const before = known.get(signal)
  if (before !== undefined) return before
  const acts = new Set<() => void>()
  const abort = () => {
    known.delete(signal)
    for (const act of [...acts]) if (acts.delete(act)) act()
  }
  const waiting = { acts, abort }
  known.set(signal, waiting)
  signal.addEventListener("abort", abort, { once: true })
  return waiting
}

/** `act` is called once, unless the function that this gives is called before. */
export const onAbort = (signal: AbortSignal, act: () => void): (() => void) => {
  const { acts, abort } = waitingFor(signal)
  // One of its own, whatever was given twice.
  const own = () => act()
  acts.add(own)
  return () => {
    acts.delete(own)
    if (acts.size > 0 || known.get(signal)?.acts !== acts) return
    known.delete(signal)
    signal.removeEventListener("abort", abort)
  }
}
