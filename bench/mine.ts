/**
 * `npm run bench -- mine IMAGE`: an image of yours, stage by stage. The blobs are downloaded once; then each stage runs
 * alone over all layers, in one thread, so that its cost is its own; at last the image is pulled as ociflow pulls it.
 */
import { mkdir, open, stat } from "node:fs/promises"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { concatMap, from, lastValueFrom, tap } from "rxjs"
import { isReason } from "../src/errors.ts"
import type { Part } from "../src/layer/untar.ts"
import { verify } from "../src/layer/verify.ts"
import { drain } from "../src/reactive/bridge.ts"
import { Gate } from "../src/reactive/Gate.ts"
import { parse } from "../src/reference/Reference.ts"
import { hostPlatform } from "../src/registry/hostPlatform.ts"
import { Registry, type ResolvedLayer } from "../src/registry/Registry.ts"
import { imagesOfLayout, startRegistry } from "../src/testing/index.ts"
import { type Bench, timed } from "./Bench.ts"
import { applied, inflated, parts } from "./measure/layerStages.ts"
import { pullProcess } from "./measure/pullProcess.ts"
import { ofFile, through } from "./measure/source.ts"
import { digits, megabytes, table } from "./measure/table.ts"

/** A directory is an OCI layout and gets a registry of its own; anything else is a reference. */
const referenceOf = async (bench: Bench, image: string): Promise<string> => {
  const isDirectory = await stat(image).then(
    (it) => it.isDirectory(),
    () => false
  )
  if (!isDirectory) return image
  const first = (await imagesOfLayout(image))[0]
  if (first === undefined) throw new Error(`${image} holds no image`)
  const registry = bench.use(await startRegistry({ images: { "mine:latest": first.image } }))
  return registry.reference("mine:latest")
}

interface Held {
  readonly layers: ReadonlyArray<ResolvedLayer & { readonly file: string }>
  readonly resolving: number
  readonly downloading: number
}

const download = (reference: string, directory: string) =>
  Effect.gen(function* () {
    const registry = yield* Registry
    const named = yield* parse(reference)
    const began = performance.now()
    const image = yield* registry.resolve(named, hostPlatform(), () => {})
    const resolved = performance.now()
    const layers = [...new Map(image.layers.map((layer) => [layer.digest, layer])).values()].map((layer) => ({
      ...layer,
      file: join(directory, layer.digest.replace(":", "-"))
    }))
    let writing = 0
    for (const layer of layers) {
      const file = yield* Effect.promise(() => open(layer.file, "w"))
      const gate = new Gate()
      const written$ = registry.blob$(named, layer, gate, { emit: () => {} }).pipe(
        concatMap((chunk) => {
          gate.close()
          const since = performance.now()
          return from(file.write(chunk)).pipe(
            tap(() => {
              writing += performance.now() - since
              gate.open()
            })
          )
        })
      )
      yield* drain(isReason)(written$)
      yield* Effect.promise(() => file.close())
    }
    // Writing the blobs down is this suite's doing, not a pull's.
    return { layers, resolving: resolved - began, downloading: performance.now() - resolved - writing } satisfies Held
  }).pipe(Effect.provide(Registry.layer({})))

type Blob = Held["layers"][number]

/** Seconds for one stage over all layers. */
const over = async (layers: ReadonlyArray<Blob>, stage: (layer: Blob) => Promise<unknown>): Promise<number> =>
  (await timed(async () => {
    for (const layer of layers) await stage(layer)
  })) / 1000

export const mine = async (bench: Bench, image: string): Promise<void> => {
  const reference = await referenceOf(bench, image)
  const disk = await bench.disk()
  const directory = await disk.fresh()
  await mkdir(directory)
  const { layers, resolving, downloading } = await Effect.runPromise(download(reference, directory))
  const archive = (layer: Blob, gate: Gate) => inflated(ofFile(layer.file, gate), layer.mediaType)

  const blobDigest = await over(layers, ({ file, digest, size }) =>
    through(ofFile(file, new Gate()).pipe(verify("blob", digest, size)))
  )
  let bytes = 0
  const count = (chunk: Uint8Array) => {
    bytes += chunk.length
  }
  const inflating = await over(layers, (layer) => through(archive(layer, new Gate()).pipe(tap(count))))
  const withDiffId = await over(layers, (layer) =>
    through(archive(layer, new Gate()).pipe(verify("diffID", layer.diffId)))
  )
  let entries = 0
  const countEntry = ({ _tag }: Part) => {
    if (_tag === "Entry" || _tag === "Begin") entries += 1
  }
  const withEntries = await over(layers, async (layer) => {
    const gate = new Gate()
    await lastValueFrom(parts(archive(layer, gate), gate).pipe(tap(countEntry)), { defaultValue: undefined })
  })
  const withFiles = await over(layers, async (layer) => {
    const gate = new Gate()
    const target = `${layer.file}.extracted`
    await mkdir(target)
    await through(applied(parts(archive(layer, gate), gate), target))
  })
  await disk.remove(directory)
  const root = await disk.fresh()
  const whole = await pullProcess({ root, references: [reference] })
  await disk.remove(root)

  const blobBytes = layers.reduce((sum, { size }) => sum + size, 0)
  const perSecond = (amount: number) => (seconds: number) => `${megabytes(amount / seconds)} MB/s`
  const stages = [
    { name: "resolve: manifest and config", seconds: resolving / 1000, speed: () => "" },
    { name: "download", seconds: downloading / 1000, speed: perSecond(blobBytes) },
    { name: "blob digest", seconds: blobDigest, speed: perSecond(blobBytes) },
    { name: "decompress", seconds: inflating, speed: perSecond(bytes) },
    { name: "diffID", seconds: Math.max(0, withDiffId - inflating), speed: perSecond(bytes) },
    {
      name: "untar",
      seconds: Math.max(0, withEntries - inflating),
      speed: (it: number) => `${digits(entries / it)} entries/s`
    },
    {
      name: "apply to disk",
      seconds: Math.max(0, withFiles - withEntries),
      speed: (it: number) => `${digits(entries / it)} entries/s`
    }
  ]
  const sum = stages.reduce((total, { seconds }) => total + seconds, 0)
  const rows = stages.map(({ name, seconds, speed }) => [
    name,
    digits(seconds),
    `${Math.round((100 * seconds) / sum)} %`,
    speed(seconds),
    "█".repeat(Math.round((30 * seconds) / sum))
  ])
  console.log(`\n## ${image}\n`)
  console.log(
    `${layers.length} layers, ${megabytes(blobBytes)} MB compressed, ${megabytes(bytes)} MB of archives, ${entries} entries\n`
  )
  console.log(
    table(["one stage after the other", "s", "share", "speed", ""], [...rows, ["sum", digits(sum), "", "", ""]])
  )
  console.log(
    `\nA pull does them at once, on ${availableParallelism()} cores: ${digits(whole.inside.pull / 1000)} s in process, ` +
      `${digits(whole.wall)} s with its start, ${digits(whole.user + whole.system)} s of CPU, ${megabytes(whole.peak)} MB at most.`
  )
}
