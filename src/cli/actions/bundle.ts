/** `ociflow bundle`: where the bundle is, for people or with `--json` as an object. */
import * as Effect from "effect/Effect"
import type { BundleOptions } from "../../api/config.ts"
import { printable, printableJson } from "../../api/printable.ts"
import { Puller } from "../../Puller.ts"
import { Output } from "../Output.ts"
import { table } from "../text/table.ts"
import { telling } from "./lookup.ts"

export const bundle = Effect.fnUntraced(function* (
  reference: string,
  directory: string,
  options: BundleOptions,
  json: boolean
) {
  const { stdout } = yield* Output
  const emit = yield* telling
  const made = yield* Puller.use((puller) => puller.bundle(reference, directory, options, emit))
  const { path, manifestDigest, platform } = made
  const rows = [
    ["bundle", printable(path, 4096)],
    ["reference", printable(made.reference)],
    ["digest", printable(manifestDigest)],
    ["platform", printable(platform)]
  ]
  stdout.write(`${json ? printableJson(made) : table(rows)}\n`)
})
