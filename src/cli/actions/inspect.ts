/** `ociflow inspect`: what the catalogue knows of one image, for people or with `--json` as one object; or its config. */

import * as Effect from "effect/Effect"
import { printable, printableJson } from "../../api/printable.ts"
import { isObject } from "../../image/json/isObject.ts"
import { Puller } from "../../Puller.ts"
import { formatBytes } from "../../progress/format.ts"
import type { ImageDetails, ManifestDetails } from "../../store/records/ImageRecord.ts"
import { Output } from "../Output.ts"
import { table } from "../text/table.ts"

/** What a container of this image would run, as its config has it. */
const runtime = (value: unknown): ReadonlyArray<ReadonlyArray<string>> => {
  const config = isObject(value) && isObject(value["config"]) ? value["config"] : {}
  return ["Entrypoint", "Cmd", "WorkingDir", "User", "Env"].flatMap((key) => {
    const found = config[key]
    if (found === undefined || found === null || found === "") return []
    return [[`  ${key.toLowerCase()}`, printable(typeof found === "string" ? found : JSON.stringify(found), 1000)]]
  })
}

/** Why an image, or what of it, cannot be used as it is. */
const state = ({ complete, parts = [] }: ManifestDetails): string => {
  if (complete) return ""
  return parts.length === 0
    ? "(layers are missing, or have another layout or ownership)"
    : "(only a part of it was pulled)"
}

const manifest = (details: ManifestDetails): string => {
  const { platform, digest, config, layers, parts = [], size } = details
  return [
    table([
      [printable(platform), state(details)],
      ["  manifest", printable(digest)],
      ["  config", printable(config.digest)],
      ["  size", formatBytes(size)],
      ...runtime(config.value)
    ]),
    table(layers.map((layer) => ["  layer", printable(layer.digest), formatBytes(layer.size), layer.path])),
    ...(parts.length === 0 ? [] : [table(parts.map((path) => ["  part", path]))])
  ].join("\n")
}

const describe = ({ reference, digest, size, created, pulled, lastUsed, manifests }: ImageDetails): string =>
  [
    table([
      ["reference", printable(reference)],
      ["digest", printable(digest)],
      ["size", formatBytes(size)],
      ...(created === undefined ? [] : [["created", printable(created)]]),
      ["pulled", printable(pulled)],
      ["last used", printable(lastUsed)]
    ]),
    ...manifests.map(manifest)
  ].join("\n\n")

export const inspect = Effect.fnUntraced(function* (reference: string, json: boolean) {
  const { stdout } = yield* Output
  const found = yield* Puller.use((puller) => puller.inspect(reference))
  stdout.write(`${json ? printableJson(found) : describe(found)}\n`)
})

/** Prints the config as JSON in any case, on several lines for people. */
export const showConfig = Effect.fnUntraced(function* (reference: string, platform: string | undefined, json: boolean) {
  const { stdout } = yield* Output
  const config = yield* Puller.use((puller) => puller.config(reference, { platform }))
  stdout.write(`${printableJson(config, json ? undefined : 2)}\n`)
})
