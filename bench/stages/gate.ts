import { type Observable, tap } from "rxjs"
import { Gate } from "../../src/reactive/Gate.ts"
import { transduce } from "../../src/reactive/transduce.ts"
import type { Bench } from "../Bench.ts"
import { micro, type Task } from "../measure/micro.ts"
import { ofBytes, through } from "../measure/source.ts"

export const question = "What do operators and the gate add to a piece of 64 KiB on its way?"

const bytes = Buffer.alloc(2 ** 26)
const pieces = bytes.length / 65_536

const pass = () => transduce<Uint8Array, Uint8Array>(() => ({ push: (chunk, next) => next(chunk), end: () => {} }))

const task = (what: string, path: (source: Observable<Uint8Array>, gate: Gate) => Observable<unknown>): Task => ({
  what,
  amount: pieces,
  unit: "/s",
  run: () => {
    const gate = new Gate()
    return through(path(ofBytes(bytes, gate), gate))
  }
})

/** The slowest kind of sink: it shuts the gate at each piece and opens it a turn later. */
const slow = (source: Observable<Uint8Array>, gate: Gate) =>
  source.pipe(
    tap(() => {
      gate.close()
      queueMicrotask(gate.open)
    })
  )

export const run = (bench: Bench) =>
  micro(bench, [
    task("pieces, nothing between", (source) => source),
    task("pieces through one operator of ours", (source) => source.pipe(pass())),
    task("pieces through five", (source) => source.pipe(pass(), pass(), pass(), pass(), pass())),
    task("pieces, the gate shut and opened at each", slow)
  ])
