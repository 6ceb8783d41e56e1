import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/**
 * As `node --expose-gc` does, in a process that already runs: V8 gives its collector to new contexts alone. The flag is taken back:
 * while flags are other than at the start, Node compiles its own modules anew, and those of each thread.
 */
export const exposeGc = (): void => {
  setFlagsFromString("--expose-gc")
  globalThis.gc = runInNewContext("globalThis.gc") as typeof globalThis.gc
  setFlagsFromString("--no-expose-gc")
}

/** Whether this thread has `gc`. */
export const isGcExposed = (): boolean => globalThis.gc !== undefined
