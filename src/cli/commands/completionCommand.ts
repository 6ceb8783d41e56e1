/** `ociflow completion`, and what its scripts ask for the references in the store. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { Library } from "../Library.ts"
import { lazyImport } from "../lazyImport.ts"
import { optional, root } from "./flags.ts"

const way = lazyImport(() => import("../actions/completion.ts"))

/** `whole`: the command that is completed. */
const completion = (whole: () => Command.Command.Any) =>
  Command.make(
    "completion",
    {
      shell: Argument.Literals("SHELL", ["bash", "zsh", "fish", "powershell"]).pipe(
        Argument.withDescription("The shell that the script is for")
      )
    },
    Effect.fnUntraced(function* ({ shell }) {
      const { printScript } = yield* way
      yield* printScript(shell, whole())
    })
  ).pipe(
    Command.withDescription("Print a script that completes commands, flags and stored references"),
    Command.withExamples([
      {
        command: "ociflow completion bash > ~/.local/share/bash-completion/completions/ociflow",
        description: "For bash"
      },
      { command: "ociflow completion zsh > ~/.zfunc/_ociflow", description: "For zsh, with ~/.zfunc in its fpath" },
      { command: "ociflow completion fish > ~/.config/fish/completions/ociflow.fish", description: "For fish" }
    ])
  )

const candidates = (library: Library) =>
  Command.make(
    "complete-references",
    { root, typed: optional(Flag.String("typed")) },
    Effect.fnUntraced(function* ({ root, typed = "" }) {
      const { printReferences } = yield* way
      yield* printReferences(library({ root }), typed)
    })
  ).pipe(Command.unlisted)

export const completionCommands = (library: Library, whole: () => Command.Command.Any) =>
  [completion(whole), candidates(library)] as const
