/** Help and version go to `stdout` when they are asked for; what is wrong with a call goes to `stderr`, and is short. */
import * as CliOutput from "effect/cli/CliOutput"
import { TerminalCapabilities } from "effect/cli/TerminalCapabilities"
import * as Effect from "effect/Effect"
import { printable } from "../api/errors.ts"
import { Output } from "./Output.ts"

const present = Effect.fnUntraced(function* (event: CliOutput.Presenter.Event) {
  const { stdout, stderr } = yield* Output
  const { canColor } = yield* TerminalCapabilities
  const formatter = CliOutput.defaultFormatter({ colors: canColor })
  switch (event._tag) {
    case "Help":
      return void (event.reason === "Requested" ? stdout : stderr).write(`${formatter.formatHelpDoc(event.helpDoc)}\n`)
    case "Version":
      return void stdout.write(`${formatter.formatVersion(event.name, event.version)}\n`)
    case "InvalidInvocation": {
      const problems = event.errors.map(({ message }) => `ociflow: ${printable(message, 1000)}\n`)
      return void stderr.write(`${problems.join("")}Usage: ${event.helpDoc.usage}\n`)
    }
  }
})

export const presenter = CliOutput.layerPresenter({ present })
