/** `ociflow artifact pull`: where each file is, for people or with `--json` as one object. */
import * as Effect from "effect/Effect"
import type { ArtifactOptions } from "../../api/config.ts"
import { printable, printableJson } from "../../api/printable.ts"
import type { Artifact, WrittenFile } from "../../api/results/Artifact.ts"
import { Puller } from "../../Puller.ts"
import { formatBytes } from "../../progress/format.ts"
import { Output } from "../Output.ts"
import { table } from "../text/table.ts"

const described = ({ reference, digest, artifactType, files }: Artifact<WrittenFile>): string =>
  [
    table([
      ["reference", printable(reference)],
      ["digest", printable(digest)],
      ["type", printable(artifactType)]
    ]),
    ...(files.length === 0
      ? []
      : [table(files.map((it) => [printable(it.path), formatBytes(it.size), printable(it.mediaType)]))])
  ].join("\n\n")

export const pullArtifact = Effect.fnUntraced(function* (
  reference: string,
  options: ArtifactOptions & { readonly into: string },
  json: boolean
) {
  const { stdout } = yield* Output
  const found = yield* Puller.use((puller) => puller.artifact(reference, options))
  stdout.write(`${json ? printableJson(found) : described(found)}\n`)
})
