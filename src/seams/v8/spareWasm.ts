/**
 * SQLite's interpreter and the HTTP parser are loops of some 30 KB, each turn of which counts as that much work: V8 would
 * optimize them after a few statements and headers, for 0.3 s of CPU and 40 MB each. Where a program lives a second or two, as the
 * command line does, they are left as they are.
 */
import { cachedDataVersionTag, setFlagsFromString } from "node:v8"

const budget = (of: number) => setFlagsFromString(`--wasm-tiering-budget=${of}`)

/** V8's own, since Node 22 and before. */
const usual = [13_000_000, 1_800_000]

let spares = false
let compiling = 0
let tag = 0

/** Turns `sparing` on for this process. */
export const spareWasm = (): void => {
  spares = true
}

/**
 * What is compiled meanwhile is never optimized. Afterwards the flag is as it was, which V8 tells by the tag of its flags alone:
 * while they are other than at the start, Node compiles its own modules anew, and those of each thread.
 */
export const sparing = async <A>(compile: () => Promise<A>): Promise<A> => {
  if (!spares) return compile()
  if (compiling++ === 0) {
    tag = cachedDataVersionTag()
    budget(2_000_000_000)
  }
  try {
    return await compile()
  } finally {
    if (--compiling === 0) for (const each of usual) if (cachedDataVersionTag() !== tag) budget(each)
  }
}
