/** Where the commands write: results to `stdout`, everything about them to `stderr`. */
import * as Context from "effect/Context"
import type { Terminal } from "./progress/Screen.ts"

export class Output extends Context.Reference<{
  readonly stdout: Terminal
  readonly stderr: { readonly write: (text: string) => unknown }
}>("ociflow/cli/Output", { defaultValue: () => ({ stdout: process.stdout, stderr: process.stderr }) }) {}
