/** One run of the command line: from arguments to how it ended. */
import * as CliConfig from "effect/cli/CliConfig"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { LogWarnings } from "../api/sanitizeEvents.ts"
import { packageVersion } from "../packageVersion.ts"
import { ociflow } from "./command.ts"
import * as environment from "./environment.ts"
import type { Library } from "./Library.ts"
import { presenter } from "./presenter.ts"

/** The questions of the wizard would need keys to be read, and completions are a command: both are left out. */
const left: ReadonlyArray<unknown> = [GlobalFlag.Wizard, GlobalFlag.Completions]
const settings = CliConfig.layer({ builtIns: GlobalFlag.BuiltIns.filter((flag) => !left.includes(flag)) })
const log = Logger.withConsoleError(Logger.formatLogFmt)

/** The commands tell warnings as events: those with a code are not told twice. */
const logs = Logger.layer([
  Logger.make((entry) => ("code" in entry.fiber.getRef(References.CurrentLogAnnotations) ? undefined : log.log(entry)))
])

const version = Effect.map(Effect.promise(packageVersion), (version = "unknown") => version)

/** Fails with a `PullError`, or with what `effect/cli` says of a wrong call. */
export const run = (argv: ReadonlyArray<string>, library: Library) =>
  Effect.flatMap(version, (version) => Command.runWith(ociflow(library), { version })(argv)).pipe(
    Effect.provide(Layer.mergeAll(environment.layer, settings, presenter, logs)),
    Effect.provideService(References.MinimumLogLevel, "Warn"),
    // Warnings are events, which are shown with the others.
    Effect.provideService(LogWarnings, false)
  )
