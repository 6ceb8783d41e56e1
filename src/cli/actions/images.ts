/** `ociflow images`: a table, or with `--json` an array. */

import * as Effect from "effect/Effect"
import type { ListOptions } from "../../api/config.ts"
import { printable, printableJson } from "../../api/printable.ts"
import { Puller } from "../../Puller.ts"
import { formatBytes } from "../../progress/format.ts"
import type { ImageSummary } from "../../store/records/ImageRecord.ts"
import { Output } from "../Output.ts"
import { namedDigest } from "../text/namedDigest.ts"
import { table } from "../text/table.ts"

const heading = ["REFERENCE", "PLATFORM", "DIGEST", "LAYERS", "SIZE", "PULLED"]

/** An ISO time to the minute. */
const minute = (time: string) => printable(time.slice(0, 16).replace("T", " "))

const row = ({ reference, platforms, digest, layers, size, pulled }: ImageSummary) => [
  printable(reference),
  platforms.map((platform) => printable(platform)).join(","),
  namedDigest(digest),
  String(layers),
  formatBytes(size),
  minute(pulled)
]

export const images = Effect.fnUntraced(function* (page: ListOptions, json: boolean) {
  const { stdout } = yield* Output
  const found = yield* Puller.use((puller) => puller.images(page))
  stdout.write(`${json ? printableJson(found) : table([heading, ...found.map(row)])}\n`)
})
