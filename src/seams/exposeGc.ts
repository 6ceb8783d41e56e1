import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** As `node --expose-gc` does, in a process that already runs: V8 gives its collector to new contexts alone. */
export const exposeGc = (): void => {
  setFlagsFromString("--expose-gc")
  globalThis.gc = runInNewContext("globalThis.gc") as typeof globalThis.gc
}
