#!/usr/bin/env node
/** The process: signals become interruption, interruption runs every finalizer, then the exit code is set. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Puller } from "../Puller.ts"
import { exitCode, type Signal, signalCodes } from "./exitCode.ts"
import { run } from "./run.ts"

let ended: Signal | undefined

const fiber = Effect.runFork(run(process.argv.slice(2), (options) => Puller.layer(options)))

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
process.exitCode = exitCode(exit, ended, (line) => void process.stderr.write(`${line}\n`))
