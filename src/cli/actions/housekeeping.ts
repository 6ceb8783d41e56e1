/** `ociflow rm`, `prune`, `du` and `verify`: what the store holds, and less of it. Tables, or with `--json` one object. */

import * as Effect from "effect/Effect"
import type { PruneOptions } from "../../api/config.ts"
import { FileSystemFailed, PullError, StoreDamaged } from "../../api/errors.ts"
import { printable, printableJson } from "../../api/printable.ts"
import { Puller } from "../../Puller.ts"
import { formatBytes } from "../../progress/format.ts"
import type { Reclaimed, ReclaimedBlob, Usage, Verified } from "../../store/UpkeepResults.ts"
import { Output } from "../Output.ts"
import { plainLine } from "../progress/plainLine.ts"
import { namedDigest } from "../text/namedDigest.ts"
import { table } from "../text/table.ts"

const blobs = (kind: string, found: ReadonlyArray<ReclaimedBlob>) =>
  found.map(({ digest, bytes }) => [kind, namedDigest(digest), formatBytes(bytes)])

const reclaimed = (
  { images, layers, partials, staging, bytes, deferred, failed }: Reclaimed,
  dryRun: boolean
): string => {
  const rows = [
    ...images.map((reference) => ["image", printable(reference)]),
    ...blobs("layer", layers),
    ...blobs("partial", partials),
    ...(staging > 0 ? [["staging", "of processes that died", formatBytes(staging)]] : [])
  ]
  const lines = [
    `${dryRun ? "Would free" : "Freed"}: ${formatBytes(bytes)}`,
    ...(deferred ? ["A pull is running or an image is in use, so its layers stay until the next time."] : []),
    ...failed.map(({ path, code }) => `Not removed: ${printable(path)}: ${printable(code)}`)
  ]
  return [...(rows.length === 0 ? [] : [table(rows)]), ...lines].join("\n")
}

const usage = ({ images, layers, orphans, partials, staging, catalogue, byImage }: Usage): string =>
  [
    table([
      ["WHAT", "COUNT", "SIZE"],
      ["images", String(images)],
      ["layers", String(layers.count), formatBytes(layers.bytes)],
      ["unused layers", String(orphans.count), formatBytes(orphans.bytes)],
      ["partial downloads", String(partials.count), formatBytes(partials.bytes)],
      ["in progress", "", formatBytes(staging)],
      ["catalogue", "", formatBytes(catalogue)]
    ]),
    ...(byImage.length === 0
      ? []
      : [
          table([
            ["REFERENCE", "SIZE", "UNIQUE"],
            ...byImage.map(({ reference, bytes, own }) => [printable(reference), formatBytes(bytes), formatBytes(own)])
          ])
        ]),
    ...(partials.count === 0
      ? []
      : [
          table([
            ["PARTIAL DOWNLOAD", "SIZE", "LAST BYTES"],
            ...partials.blobs.map(({ digest, bytes, modified }) => [namedDigest(digest), formatBytes(bytes), modified])
          ])
        ])
  ].join("\n\n")

const verified = ({ faults, repaired, unknown, byTable = [] }: Verified): string => {
  const rows = [
    ...faults.map((fault) => ["damaged", fault] as const),
    ...repaired.map((fault) => ["repaired", fault] as const)
  ].map(([state, { reference, platform, digest, problem, path }]) => [
    state,
    printable(reference),
    printable(platform),
    namedDigest(digest),
    printable(problem),
    ...(path === undefined ? [] : [printable(path)])
  ])
  const found = rows.length === 0 ? "No differences from the catalogue." : table(rows)
  const tables = byTable.map(({ digest, path }) => ["by table", namedDigest(digest), printable(path)])
  const why =
    "These trees were checked against a table of contents, not against their diffID. To check the diffID, pull the images without --partial."
  const said = tables.length === 0 ? found : `${found}\n${table(tables)}\n${why}`
  if (unknown.length === 0) return said
  const trees = unknown.map(({ digest, path }) => ["not known", namedDigest(digest), printable(path)])
  return `${said}\n${table(trees)}\nThese trees have no fingerprint. To create one, remove and pull the images again.`
}

const tell = <A>(json: boolean, value: A, words: (value: A) => string) =>
  Effect.map(Output, ({ stdout }) => void stdout.write(`${json ? printableJson(value) : words(value)}\n`))

/** After all the rest is told: one thing that stays is a failure. */
const complain = Effect.fnUntraced(function* ({ failed: [first] }: Reclaimed) {
  if (first === undefined) return
  const reason = new FileSystemFailed({ operation: "remove", ...first })
  return yield* new PullError({ reference: "(store)", reason })
})

export const remove = Effect.fnUntraced(function* (references: ReadonlyArray<string>, json: boolean) {
  for (const reference of references) {
    const gone = yield* Puller.use((puller) => puller.remove(reference))
    yield* tell(json, gone, (it) => reclaimed(it, false))
    yield* complain(gone)
  }
})

export const prune = Effect.fnUntraced(function* (how: PruneOptions, json: boolean) {
  const gone = yield* Puller.use((puller) => puller.prune(how))
  yield* tell(json, gone, (it) => reclaimed(it, how.dryRun === true))
  yield* complain(gone)
})

export const du = Effect.fnUntraced(function* (json: boolean) {
  const used = yield* Puller.use((puller) => puller.usage())
  yield* tell(json, used, usage)
})

export const verify = Effect.fnUntraced(function* (repair: boolean, json: boolean) {
  const { stderr } = yield* Output
  const found = yield* Puller.use((puller) =>
    puller.verify({ repair }, (event) => {
      const line = event._tag === "LayerProgress" ? undefined : plainLine(event)
      if (line !== undefined) stderr.write(`${line}\n`)
    })
  )
  yield* tell(json, found, verified)
  if (found.faults.length === 0) return
  return yield* new PullError({ reference: "(store)", reason: new StoreDamaged({ faults: found.faults.length }) })
})
