/**
 * How much of what connections bring is read in one turn of the event loop. A turn reads whatever its sockets have, up to
 * 2 MiB of each: where 16 of them bring chunks of a byte, that would take half a second.
 */
import type { Socket } from "node:net"

/** Steps of a turn, over all connections of this thread: bytes looked at one by one, and each 16 bytes of the others. */
export const mostSteps = 2 ** 19
const bytesOfStep = 16

let spent = 0
let isDue = false
/** Sockets whose bytes are read in a later turn, the first to wait first. */
const waiting = new Set<Socket>()

const nextTurn = (): void => {
  isDue = false
  spent = 0
  const sockets = [...waiting]
  waiting.clear()
  for (const socket of sockets) if (!socket.destroyed) socket.emit("readable")
}

/** Counts what was read: `bytes`, of which `singly` were looked at one by one. */
export const spend = (bytes: number, singly: number): void => {
  spent += singly + bytes / bytesOfStep
  if (isDue) return
  isDue = true
  setImmediate(nextTurn)
}

/** Whether this turn has read enough. If so, the socket is `readable` again in another one. */
export const isOver = (socket: Socket): boolean => {
  if (spent < mostSteps) return false
  waiting.add(socket)
  return true
}
