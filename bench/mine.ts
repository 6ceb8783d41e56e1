/**
 * `npm run bench -- mine IMAGE`: an image of yours, stage by stage. The blobs are downloaded once; then each stage runs
 * alone over all layers, in one thread, so that its cost is its own; at last the image is pulled as ociflow pulls it.
 */
import { mkdir, mkdtemp, open, stat } from "node:fs/promises"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { concatMap, from, type Observable, tap } from "rxjs"
import { isReason } from "../src/api/errors.ts"
import { hostPlatform } from "../src/image/Platform.ts"
import { parse } from "../src/image/reference/Reference.ts"
import { verifyDigest } from "../src/layer/verifyDigest.ts"
import { drain } from "../src/reactive/bridge.ts"
import { Gate } from "../src/reactive/Gate.ts"
import { Registry, type ResolvedLayer } from "../src/registry/Registry.ts"
import { imagesOfLayout, startRegistry } from "../src/testing/index.ts"
import { type Bench, timed } from "./Bench.ts"
import { applied, inflated, parts } from "./measure/layerStages.ts"
import { pullProcess } from "./measure/pullProcess.ts"
import { ofFile, through } from "./measure/source.ts"
import { counted, digits, megabytes, table } from "./measure/table.ts"

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

/** Seconds for one stage over all layers: the least of several times where they are short. */
const over = async (layers: ReadonlyArray<Blob>, stage: (layer: Blob) => Promise<unknown>): Promise<number> => {
  const times: Array<number> = []
  while (times.length === 0 || (times.length < 9 && times.reduce((sum, it) => sum + it, 0) < 1)) {
    const once = await timed(async () => {
      for (const layer of layers) await stage(layer)
    })
    times.push(once / 1000)
  }
  return Math.min(...times)
}

/** Bytes and entries of the archives; what it runs is warm afterwards. */
const survey = async (layers: ReadonlyArray<Blob>) => {
  let bytes = 0
  let entries = 0
  for (const { file, mediaType } of layers) {
    const archive = inflated(ofFile(file, new Gate()), mediaType).pipe(
      tap((chunk) => {
        bytes += chunk.length
      })
    )
    await through(
      parts(archive).pipe(
        tap(({ _tag }) => {
          if (_tag === "Entry" || _tag === "Begin") entries += 1
        })
      )
    )
  }
  return { bytes, entries }
}

/** Each with what comes before it, since none can run without. */
const timeStages = async (layers: ReadonlyArray<Blob>) => {
  const alone = ({ file, mediaType }: Blob, then: (bytes: Observable<Uint8Array>) => Observable<unknown>) =>
    through(then(inflated(ofFile(file, new Gate()), mediaType)))
  const blobDigest = await over(layers, ({ file, digest, size }) =>
    through(ofFile(file, new Gate()).pipe(verifyDigest("blob", digest, size)))
  )
  const decompressed = await over(layers, (layer) => alone(layer, (bytes) => bytes))
  const proven = await over(layers, (layer) =>
    alone(layer, (bytes) => bytes.pipe(verifyDigest("diffID", layer.diffId)))
  )
  const untarred = await over(layers, (layer) => alone(layer, parts))
  const written = await over(layers, async (layer) => {
    const target = await mkdtemp(`${layer.file}.`)
    return alone(layer, (bytes) => applied(parts(bytes), target))
  })
  return {
    blobDigest,
    decompress: decompressed,
    diffId: Math.max(0, proven - decompressed),
    untar: Math.max(0, untarred - decompressed),
    apply: Math.max(0, written - untarred)
  }
}

export const mine = async (bench: Bench, image: string): Promise<void> => {
  const reference = await referenceOf(bench, image)
  const disk = await bench.disk()
  const directory = await disk.fresh()
  await mkdir(directory)
  const { layers, resolving, downloading } = await Effect.runPromise(download(reference, directory))
  const { bytes, entries } = await survey(layers)
  const spent = await timeStages(layers)
  await disk.remove(directory)
  const root = await disk.fresh()
  const whole = await pullProcess({ root, references: [reference] })
  await disk.remove(root)

  const blobBytes = layers.reduce((sum, { size }) => sum + size, 0)
  const speed = (amount: number, unit: string, seconds: number) =>
    seconds < 0.001 ? "" : `${digits(amount / seconds)} ${unit}`
  const stages = [
    { name: "resolve: manifest and config", seconds: resolving / 1000, amount: 0, unit: "" },
    { name: "download", seconds: downloading / 1000, amount: blobBytes / 1e6, unit: "MB/s" },
    { name: "blob digest", seconds: spent.blobDigest, amount: blobBytes / 1e6, unit: "MB/s" },
    { name: "decompress", seconds: spent.decompress, amount: bytes / 1e6, unit: "MB/s" },
    { name: "diffID", seconds: spent.diffId, amount: bytes / 1e6, unit: "MB/s" },
    { name: "untar", seconds: spent.untar, amount: entries, unit: "entries/s" },
    { name: "apply to disk", seconds: spent.apply, amount: entries, unit: "entries/s" }
  ]
  const sum = stages.reduce((total, { seconds }) => total + seconds, 0)
  const rows = stages.map(({ name, seconds, amount, unit }) => [
    name,
    "█".repeat(Math.round((30 * seconds) / sum)),
    digits(seconds),
    `${Math.round((100 * seconds) / sum)} %`,
    amount === 0 ? "" : speed(amount, unit, seconds)
  ])
  const about = `${megabytes(blobBytes)} MB compressed, ${megabytes(bytes)} MB of archives, ${entries} entries`
  console.log(`\n## ${image}\n\n${counted(layers.length, "layer")}, ${about}\n`)
  console.log(
    table(["one after the other, in one thread", "", "s", "share", ""], [...rows, ["sum", "", digits(sum)]], 2)
  )
  console.log(
    `\nA pull does them at once, on ${counted(availableParallelism(), "core")}: ` +
      `${digits(whole.inside.pull / 1000)} s in process, ${digits(whole.wall)} s with its start, ` +
      `${digits(whole.user + whole.system)} s of CPU, ${megabytes(whole.peak)} MB at most.`
  )
}
