/**
 * SQLite's interpreter and the HTTP parser are loops of some 30 KB, each turn of which counts as that much work: V8 would
 * optimize them after a few statements and headers, for 0.2 s of CPU and 30 MB each, more than they ever save. V8 takes the
 * budget of a module when it compiles it. The flag is the whole process's: it is changed for that long, and then as it was.
 */
import { cachedDataVersionTag, setFlagsFromString } from "node:v8"
import { runtime } from "../runtime.ts"

const flag = /^--wasm[-_]tiering[-_]budget=(\d+)$/

const setBudget = (of: number | string) => setFlagsFromString(`--wasm-tiering-budget=${of}`)

/** What it may have been before: as the process was told, or V8's own, since Node 22 and before. */
const usual = () => [...process.execArgv.flatMap((it) => flag.exec(it)?.[1] ?? []), 13_000_000, 1_800_000]

let compiling = 0
let tag = 0

const begin = () => {
  if (compiling++ > 0) return
  tag = cachedDataVersionTag()
  setBudget(2_000_000_000)
}

/** Only V8's tag of its flags tells that the flag is as it was. While it is not, Node compiles its own modules anew, and those of each thread. */
const end = () => {
  if (--compiling > 0) return
  for (const each of usual()) if (cachedDataVersionTag() !== tag) setBudget(each)
}

/** What `compile` compiles is never optimized. It is synchronous, so that nothing else in this thread is compiled meanwhile. */
export const unoptimized = <A>(compile: () => A): A => {
  if (runtime !== "node") return compile()
  begin()
  try {
    return compile()
  } finally {
    end()
  }
}

let isAlone = false

/** This program is nobody else's, as the command line is. */
export const spareAll = (): void => {
  isAlone = true
}

/** The same until the promise has settled, which other modules of the program may meet. So only where it `isAlone`. */
export const unoptimizedMeanwhile = async (compile: () => Promise<unknown>): Promise<void> => {
  if (!isAlone || runtime !== "node") return void (await compile())
  begin()
  try {
    await compile()
  } finally {
    end()
  }
}
