import { futimesSync, lutimesSync } from "node:fs"
import { native } from "../../fs/native.ts"
import type { EntryHeader } from "../Entry.ts"
import { boundedSeconds } from "../tar/HeaderBlock.ts"

type Mtime = EntryHeader["mtime"]

/**
 * Node takes a negative number for "now"; a Date keeps its sign, and milliseconds. A positive one is cut down to whole
 * microseconds, and as a double it may stand just beneath the one that was meant: hence the quarter.
 */
const forNode = ({ seconds, nanos }: Mtime) => {
  const whole = boundedSeconds(seconds)
  if (whole < 0) return new Date(whole * 1000 + Math.floor(nanos / 1e6))
  return nanos === 0 ? whole : whole + (Math.floor(nanos / 1000) + 0.25) / 1e6
}

/** Sets both times of an open file. To the nanosecond where the machine lets us, else to the microsecond. */
export const setTimes = (fd: number, mtime: Mtime): void => {
  if (mtime.nanos !== 0 && native.setTimes !== undefined) {
    if (native.setTimes(fd, boundedSeconds(mtime.seconds), mtime.nanos) === undefined) return
  }
  const time = forNode(mtime)
  futimesSync(fd, time, time)
}

/** The same by name; a link's own times, never its target's. */
export const setLinkTimes = (path: string | Buffer, mtime: Mtime): void => {
  if (mtime.nanos !== 0 && native.setLinkTimes !== undefined) {
    if (native.setLinkTimes(path, boundedSeconds(mtime.seconds), mtime.nanos) === undefined) return
  }
  const time = forNode(mtime)
  lutimesSync(path, time, time)
}
