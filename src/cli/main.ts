#!/usr/bin/env node
/** The process: signals become interruption, interruption runs every finalizer, then the exit code is set. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Puller } from "../Puller.ts"
import { exitCode, type Signal, signalCodes } from "./exitCode.ts"
import { Output } from "./Output.ts"
import { run } from "./run.ts"

let ended: Signal | undefined

/** Quiet once the reader of our output has left: nobody is there to be told. */
const stderr = { write: (text: string) => ended === "SIGPIPE" || process.stderr.write(text) }

const fiber = Effect.runFork(
  run(process.argv.slice(2), (options) => Puller.layer(options)).pipe(
    Effect.provideService(Output, { stdout: process.stdout, stderr })
  )
)

/** The first signal ends the pull in order; a second one ends the process where it stands. */
const end = (signal: Signal) => {
  if (ended !== undefined && signal !== "SIGPIPE") process.exit(signalCodes[signal])
  ended ??= signal
  fiber.interruptUnsafe()
}

for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) process.on(signal, end)

// A reader that left (`| head`): Node ignores SIGPIPE, and an error without a listener would end in a stack trace.
process.stdout.on("error", () => end("SIGPIPE"))
process.stderr.on("error", () => {})

const exit = await Effect.runPromise(Fiber.await(fiber))
process.exitCode = exitCode(exit, ended, (line) => stderr.write(`${line}\n`))
