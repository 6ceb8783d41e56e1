/** The images of a soak: they share layers, their entries have everything that a tree can say, one tag moves. */
import {
  fault,
  image,
  imageIndex,
  type MadeLayer,
  randomImage,
  type TestImage,
  type TestRegistry
} from "../../src/testing/index.ts"
import { randomLayer } from "../support/randomLayer.ts"
import type { ScriptFault } from "./Script.ts"

/** A layer of entries of all kinds, and one file of noise, which takes its time to arrive. */
const layersOf = async (seed: string, count: number): Promise<ReadonlyArray<MadeLayer>> => {
  const { manifests, blobs } = await randomImage(seed, { layers: count, entries: 14, fileSize: 3000 })
  return (manifests[0]?.layers ?? []).flatMap(({ mediaType: _, ...layer }) => {
    const blob = blobs.get(layer.digest)
    return blob === undefined ? [] : [{ layer: { ...layer, compression: "gzip" as const }, blob, descriptor: {} }]
  })
}

export const moving = ["moves:1", "moves:2"] as const
export const versions = 4

export const makeImages = async (seed: string): Promise<ReadonlyMap<string, ReadonlyArray<TestImage>>> => {
  const base = await layersOf(`${seed} base`, 2)
  const own = (name: string, bytes: number) => [randomLayer(`${seed} ${name}`, bytes)]
  const one = async (name: string, bytes: number) =>
    image({ layers: [...base, ...(await layersOf(`${seed} ${name}`, 1)), ...own(name, bytes)] })
  const both = await imageIndex([
    await image({ layers: [...base, ...own("amd64", 60_000)], platform: "linux/amd64" }),
    await image({ layers: [...base, ...own("arm64", 60_000)], platform: "linux/arm64" })
  ])
  const moved = await Promise.all(Array.from({ length: versions }, (_, at) => one(`version ${at}`, 50_000 * at + 1)))
  return new Map([
    ["a:1", [await one("a", 400_000)]],
    ["b:1", [await one("b", 100_000)]],
    ["c:1", [await image({ layers: [...base.slice(0, 1), ...own("c", 200_000), ...own("c2", 30_000)] })]],
    ["both:1", [both]],
    ["alone:1", [await image({ layers: await layersOf(`${seed} alone`, 3) })]],
    ["moves:1", moved],
    ["moves:2", moved.toReversed()]
  ])
}

const actions = {
  status: fault.status(503),
  rateLimit: fault.rateLimit(0),
  cut: fault.cut(5000),
  reset: fault.cut(2000, { reset: true }),
  hangUp: fault.hangUp(),
  otherByte: fault.otherByte(40),
  garbage: fault.garbage(),
  slow: fault.slow({ latency: 150 })
}

export const addFault = (registry: TestRegistry, { fault: name, kind, nth, times }: ScriptFault) =>
  registry.fault({ kind, nth, times }, actions[name])
