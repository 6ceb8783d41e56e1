/** `ociflow artifact pull`. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { Library } from "../Library.ts"
import { lazyImport } from "../lazyImport.ts"
import { reportFailure } from "../reportFailure.ts"
import { access, directory, json, reference, root, switched, text } from "./flags.ts"
import { network, reached } from "./network.ts"

const pull = (library: Library) =>
  Command.make(
    "pull",
    {
      reference,
      root,
      access,
      into: directory("into", "Write the files into this directory (default: the working directory)"),
      artifactType: text("artifact-type", "TYPE", "Pull only an artifact of this type"),
      accept: Flag.String("accept").pipe(
        Flag.withMetavar("TYPE"),
        Flag.withDescription("Pull only files of this media type; may be repeated"),
        Flag.atLeast(0)
      ),
      platform: text(
        "platform",
        "OS/ARCH[/VARIANT]",
        "Pull the artifact for this platform, if an index has one for each"
      ),
      unpack: switched("unpack", "Unpack all tars (default: those that ORAS has marked)"),
      network,
      json
    },
    Effect.fnUntraced(function* ({
      reference,
      root,
      access,
      into,
      artifactType,
      accept,
      platform,
      unpack,
      network,
      json
    }) {
      const way = yield* lazyImport(() => import("../actions/artifact.ts"))
      const options = { into: into ?? ".", artifactType, platform }
      yield* way
        .pullArtifact(
          reference,
          { ...options, ...(accept.length === 0 ? {} : { accept }), ...(unpack ? { unpack } : {}) },
          json
        )
        .pipe(Effect.provide(library({ root, access, ...reached(network) })), reportFailure(json))
    })
  ).pipe(
    Command.withDescription("Download the files of an artifact, verified"),
    Command.withExamples([
      { command: "ociflow artifact pull ghcr.io/org/chart:1.2.3 --into charts", description: "A Helm chart" }
    ])
  )

export const artifactCommands = (library: Library) =>
  [
    Command.make("artifact").pipe(
      Command.withDescription("Work with artifacts: charts, SBOMs, signatures, files"),
      Command.withSubcommands([pull(library)])
    )
  ] as const
