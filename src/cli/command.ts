/**
 * The command line's grammar. It knows how to ask; what is asked for is a `Library`, so that tests can give another one.
 *
 *     ociflow pull REF      ociflow images      ociflow inspect REF
 *     ociflow cat REF PATH  ociflow ls REF [PATH]   ociflow export REF…   ociflow bundle REF DIR
 *     ociflow resolve REF   ociflow tags REF    ociflow manifest REF      ociflow referrers REF
 *     ociflow blob REF DIGEST                  ociflow artifact pull REF
 *     ociflow verify-signature REF
 *     ociflow rm REF…       ociflow prune       ociflow du       ociflow verify
 *     ociflow login HOST    ociflow logout HOST ociflow completion SHELL
 */
import * as Command from "effect/cli/Command"
import { artifactCommands } from "./commands/artifactCommands.ts"
import { bundleCommand } from "./commands/bundleCommand.ts"
import { completionCommands } from "./commands/completionCommand.ts"
import { exportCommand } from "./commands/exportCommand.ts"
import { imageCommands } from "./commands/imageCommands.ts"
import { loginCommands } from "./commands/loginCommands.ts"
import { lookupCommands } from "./commands/lookupCommands.ts"
import { pullCommand } from "./commands/pullCommand.ts"
import { readCommands } from "./commands/readCommands.ts"
import { signatureCommand } from "./commands/signatures/signatureCommand.ts"
import { storeCommands } from "./commands/storeCommands.ts"
import type { Library } from "./Library.ts"

export const ociflow = (library: Library) => {
  const whole = (): Command.Command.Any => command
  const command = Command.make("ociflow").pipe(
    Command.withDescription("Pull OCI and Docker images without a daemon"),
    Command.withSubcommands([
      pullCommand(library),
      ...imageCommands(library),
      ...readCommands(library),
      exportCommand(library),
      bundleCommand(library),
      ...lookupCommands(library),
      ...artifactCommands(library),
      signatureCommand(library),
      ...storeCommands(library),
      ...loginCommands,
      ...completionCommands(library, whole)
    ])
  )
  return command
}
