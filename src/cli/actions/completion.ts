/** Scripts that complete on a command line: effect/cli's, with what only the store and the file system know added. */
import type * as Command from "effect/cli/Command"
import * as Completions from "effect/cli/Completions"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { withoutControls } from "../../api/printable.ts"
import { Puller } from "../../Puller.ts"
import { nameOf } from "../../source/file/LocalReference.ts"
import { Output } from "../Output.ts"
import { storedInBash, storedInFish, storedInZsh } from "../text/completionScripts.ts"

/** In the scripts it stands for the references; no shell quotes any character of it. */
const stored = "ociflow-stored-references"
const directories: ReadonlySet<string> = new Set(["root", "layers-dir", "keep-blobs", "into", "hosts-dir"])

const withTypes = (command: Completions.CommandDescriptor): Completions.CommandDescriptor => ({
  ...command,
  flags: command.flags.map((flag) =>
    directories.has(flag.name) ? { ...flag, type: { _tag: "Path", pathType: "directory" } } : flag
  ),
  arguments: command.arguments.map((argument) =>
    argument.name === "REF" ? { ...argument, type: { _tag: "Choice", values: [stored] } } : argument
  ),
  subcommands: command.subcommands.map(withTypes)
})

export const scriptFor = (shell: Completions.Shell, command: Command.Command.Any): string => {
  const plain = Completions.fromCommand(command)
  // In PowerShell flags and commands alone are offered.
  const known = shell === "powershell" ? plain : withTypes(plain)
  const script = Completions.generate("ociflow", shell, known).replaceAll("--completions ", "completion ")
  switch (shell) {
    case "powershell":
      return script
    case "bash":
      return `${storedInBash}\n${script.replaceAll(`_ociflow--choices "$cur" "$_comp_word" '${stored}'`, `_ociflow--stored "$cur" "$_comp_word"`)}`
    case "zsh":
      // The first line says what the file completes.
      return script.replaceAll(`(${stored})`, "_ociflow_stored").replace("\n", () => `\n${storedInZsh}\n`)
    case "fish":
      return `${storedInFish}\n${script.replaceAll(`'${stored}'`, "'(__ociflow_stored)'")}`
  }
}

export const printScript = Effect.fnUntraced(function* (shell: Completions.Shell, command: Command.Command.Any) {
  const { stdout } = yield* Output
  stdout.write(`${scriptFor(shell, command)}\n`)
})

const onDockerHub = /^docker\.io\/(?:library\/(?=[^/]+$))?/

/** The name as people type it: without Docker Hub, if that means the same. */
const familiar = Effect.fnUntraced(function* (name: string) {
  const short = name.replace(onDockerHub, "")
  const meant = yield* Effect.orElseSucceed(nameOf(short), () => "")
  return meant === name ? short : name
})

/**
 * Prints the stored references, one per line. Prints nothing if there is no store, or if it cannot be read: an error would
 * disturb the command line. Leaves out names with a line break or with control characters.
 */
export const printReferences = Effect.fnUntraced(function* <E>(library: Layer.Layer<Puller, E>, typed: string) {
  const { stdout } = yield* Output
  const images = yield* Puller.use((puller) => puller.images()).pipe(
    Effect.provide(library),
    Effect.orElseSucceed(() => [])
  )
  const names = images.map(({ reference }) => reference).filter((name) => withoutControls(name) === name)
  const short = (yield* Effect.forEach(names, familiar)).filter((name) => name.startsWith(typed))
  const offered = short.length > 0 ? short : names.filter((name) => name.startsWith(typed))
  stdout.write(offered.map((name) => `${name}\n`).join(""))
})
