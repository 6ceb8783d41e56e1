/**
 * SQLite's interpreter and the HTTP parser are loops of some 30 KB, each turn of which counts as that much work: V8 would
 * optimize them after a few statements and headers, for 0.2 to 0.4 s of CPU and 30 MB each, more than a pull ever gains. V8 takes
 * the budget of a module when it compiles it. The flag is the whole process's: it is changed for that long, and then as it was.
 */
import { cachedDataVersionTag, setFlagsFromString } from "node:v8"
import { isMainThread } from "node:worker_threads"
import { runtime } from "../runtime.ts"

const flag = /^--wasm[-_]tiering[-_]budget=(\d+)$/

const setBudget = (of: number | string) => setFlagsFromString(`--wasm-tiering-budget=${of}`)

/** What it may have been before: as the process was told, or V8's own, since Node 22 and before. */
const usual = () => [...process.execArgv.flatMap((it) => flag.exec(it)?.[1] ?? []), 13_000_000, 1_800_000]

/** Few pulls reach it. A program that does nothing but requests does, soon enough. */
const late = 2_000_000_000

let isCompiling = false

/**
 * What `compile` compiles is optimized only after much work. It is synchronous, so that the program compiles nothing else meanwhile. Only V8's tag
 * of its flags tells that the flag is as it was: while it is not, Node compiles its own modules anew, and those of each thread.
 * Only in the main thread: of two threads, the second would take what the first has set for what it was before.
 */
export const optimizeLate = <A>(compile: () => A): A => {
  if (runtime !== "node" || !isMainThread || isCompiling) return compile()
  const tag = cachedDataVersionTag()
  isCompiling = true
  setBudget(late)
  try {
    return compile()
  } finally {
    isCompiling = false
    for (const each of usual()) if (cachedDataVersionTag() !== tag) setBudget(each)
  }
}
