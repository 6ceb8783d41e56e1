/** The process: signals become interruption, interruption runs every finalizer, then the exit code is set. */
import { setFlagsFromString } from "node:v8"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { printable } from "../api/errors.ts"
import { Puller } from "../Puller.ts"
import { exposeGc } from "../seams/exposeGc.ts"
import { exitCode } from "./exitCode.ts"
import { Output } from "./Output.ts"
import { run } from "./run.ts"
import { onSignal } from "./signals.ts"

// For a program that lives a second or two. Of SQLite's functions most are never called. Its interpreter is one loop of some
// 30 KB, each turn of which counts as that much work: V8 would optimize it after a few statements, for 0.4 s of CPU and 40 MB. And
// what a pull keeps is not in the young part of the heap, which otherwise stays as large as it grew while modules were loaded.
setFlagsFromString("--wasm-lazy-compilation")
setFlagsFromString("--wasm-tiering-budget=2000000000")
setFlagsFromString("--semi-space-growth-factor=1")
exposeGc()

const unwritable = (code: string) => {
  process.exitCode = 1
  stderr.write(`ociflow: the standard output cannot be written to: ${printable(code)}\n`)
}

const ended = onSignal(process, () => fiber.interruptUnsafe(), unwritable)

/** Quiet once the reader of our output has left: nobody is there to be told. */
const stderr = { write: (text: string) => ended() === "SIGPIPE" || process.stderr.write(text) }

const fiber = Effect.runFork(
  run(process.argv.slice(2), (options) => Puller.layer(options)).pipe(
    Effect.provideService(Output, { stdout: process.stdout, stderr })
  )
)
const exit = await Effect.runPromise(Fiber.await(fiber))
process.exitCode = exitCode(exit, ended(), (line) => stderr.write(`${line}\n`))
