/**
 * Bodies in small chunks take their turns: undici's parser calls us for each chunk, and one read of a socket may hold some
 * ten thousand of them. So many are parsed in one turn of the event loop, over all connections of this thread; the parsers
 * that want more are paused, and go on in later turns, one after the other.
 */

/** Chunks of one turn: a few milliseconds. */
const perTurn = 2048

let parsed = 0
let isDue = false
let waiting: Array<() => void> = []

const turn = (): void => {
  isDue = false
  parsed = 0
  const due = waiting
  waiting = []
  let next = 0
  for (; next < due.length && parsed < perTurn; next++) due[next]?.()
  // Those that paused again meanwhile come behind those that have not been served yet.
  waiting = [...due.slice(next), ...waiting]
  if (waiting.length > 0) comes()
}

const comes = (): void => {
  if (isDue) return
  isDue = true
  setImmediate(turn)
}

/** Counts a small chunk. `false`: this turn has had its share. */
export const mayGoOn = (): boolean => {
  parsed += 1
  comes()
  return parsed < perTurn
}

/** Calls `resume` in a later turn that has room. */
export const inLaterTurn = (resume: () => void): void => {
  waiting.push(resume)
  comes()
}
