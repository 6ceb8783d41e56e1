/**
 * What `effect/cli` asks of its platform. ociflow's commands take no files as flags, ask no questions and start no
 * programs, so most of it is never called; what would be called in vain says so.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import { ChildProcessSpawner, make as makeSpawner } from "effect/process/ChildProcessSpawner"
import * as Sink from "effect/Sink"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Terminal from "effect/Terminal"

const never = (what: string) => Effect.die(new Error(`the command line never ${what}`))

const write = (stream: NodeJS.WritableStream) => (chunk: string | Uint8Array) =>
  Effect.sync(() => void stream.write(chunk))

const stdio = Stdio.make({
  args: Effect.sync(() => process.argv.slice(2)),
  stdinIsTerminal: Effect.sync(() => process.stdin.isTTY === true),
  stdoutIsTerminal: Effect.sync(() => process.stdout.isTTY === true),
  stderrIsTerminal: Effect.sync(() => process.stderr.isTTY === true),
  stdout: () => Sink.forEach(write(process.stdout)),
  stderr: () => Sink.forEach(write(process.stderr)),
  stdin: Stream.empty
})

const terminal = Terminal.make({
  columns: Effect.sync(() => process.stdout.columns ?? 80),
  rows: Effect.sync(() => process.stdout.rows ?? 24),
  size: never("watches the terminal's size by this way"),
  readInput: never("reads keys"),
  readLine: never("reads lines"),
  display: write(process.stdout)
})

export const layer = Layer.mergeAll(
  FileSystem.layerNoop({}),
  Path.layer,
  Layer.succeed(Stdio.Stdio, stdio),
  Layer.succeed(Terminal.Terminal, terminal),
  Layer.succeed(
    ChildProcessSpawner,
    makeSpawner(() => never("starts programs"))
  )
)
