/** A client that has pulled many times keeps what it kept after ten pulls, however they ended. `PULLS` (60): how many. */
import { getEventListeners } from "node:events"
import { readdir } from "node:fs/promises"
import { Socket } from "node:net"
import { json } from "node:stream/consumers"
import { getHeapSnapshot, queryObjects } from "node:v8"
import { Worker } from "node:worker_threads"
import { expect, test } from "vitest"
import type { Client } from "../../src/client.ts"
import { fault, image, startRegistry, type TestRegistry } from "../../src/testing/index.ts"
import { open, temporaryRoot } from "../support/open.ts"

const pulls = Number(process.env["PULLS"] ?? 60)
const images = 10

/** Bytes that functions which ran for the first time may have made. One socket kept of each pull would be 7 MB. */
const heapBound = 512 * 1024

/** Connections of the client that may be open at either count. */
const pooled = 5

interface Standing {
  readonly sockets: number
  readonly workers: number
  readonly descriptors: number
  readonly listeners: number
}

/** What is read of V8's heap snapshot. `nodes` has a row of `node_fields` for each object. */
interface HeapSnapshot {
  readonly snapshot: { readonly meta: { readonly node_fields: Array<string>; readonly node_types: [Array<string>] } }
  readonly nodes: ReadonlyArray<number>
}

/**
 * Bytes of what a program can hold, after a collection, which the snapshot makes: all but compiled code, which V8 makes and throws away
 * as it learns.
 */
const heapOf = async (): Promise<number> => {
  const { snapshot, nodes } = (await json(getHeapSnapshot())) as HeapSnapshot
  const { node_fields: fields, node_types: types } = snapshot.meta
  const [type, size] = [fields.indexOf("type"), fields.indexOf("self_size")]
  let bytes = 0
  for (let at = 0; at < nodes.length; at += fields.length) {
    // "hidden": lists of the weak references from code, among others.
    const kind = types[0][nodes[at + type] ?? 0] ?? ""
    if (kind !== "code" && kind !== "hidden") bytes += nodes[at + size] ?? 0
  }
  return bytes
}

const measure = async (signal: AbortSignal): Promise<Standing> => {
  // Each count collects what nobody holds.
  const sockets = queryObjects(Socket, { format: "count" })
  const workers = queryObjects(Worker, { format: "count" })
  const descriptors = process.platform === "linux" ? (await readdir("/proc/self/fd")).length : 0
  return { sockets, workers, descriptors, listeners: getEventListeners(signal, "abort").length }
}

interface Served {
  readonly reference: string
  /** Of an image whose first layer's body never comes. */
  readonly stalled: string
  readonly stalledLayer: string
}

const serve = async (registry: TestRegistry): Promise<ReadonlyArray<Served>> =>
  Promise.all(
    Array.from({ length: images }, async (_, n) => {
      const layersOf = (name: string) => ["etc", "srv"].map((directory) => ({ files: { [`${directory}/${n}`]: name } }))
      const stalled = await image({ layers: layersOf("stalled") })
      registry.add(`app:${n}`, await image({ layers: layersOf("app") }))
      registry.add(`stalled:${n}`, stalled)
      const stalledLayer = stalled.manifests[0]?.layers[0]?.digest ?? ""
      registry.fault({ kind: "blob", reference: stalledLayer }, fault.stall(0))
      return { reference: registry.reference(`app:${n}`), stalled: registry.reference(`stalled:${n}`), stalledLayer }
    })
  )

/** `rejects` of the test runner keeps what it was given until the test ends. */
const failureOf = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => undefined,
    ({ message }: Error) => message
  )

/** As a promise until a signal of its own is aborted; as a sequence until it is left; one that fails; one to its end. */
const pullOne = async (
  oci: Client,
  { log }: TestRegistry,
  { reference, stalled, stalledLayer }: Served,
  signal: AbortSignal,
  way: number
): Promise<void> => {
  const begun = () => log.until(() => log.count({ kind: "blob", reference: stalledLayer }) > 0)
  if (way === 0) {
    const stop = new AbortController()
    const pulling = oci.pull(stalled, { signal: AbortSignal.any([signal, stop.signal]) })
    await begun()
    stop.abort(new Error("enough"))
    expect(await failureOf(pulling)).toBe("enough")
  } else if (way === 1) {
    const pulling = oci.pull$(stalled, { signal }).subscribe()
    await begun()
    pulling.unsubscribe()
    await oci.settled()
  } else if (way === 2) {
    expect(await failureOf(oci.pull(`${reference}-missing`, { signal }))).toContain("-missing")
  } else {
    await oci.pull(reference, { signal })
    await oci.remove(reference, { signal })
  }
  await log.settled()
  log.clear()
}

test("many pulls leave what ten leave: sockets, workers, descriptors, listeners, memory", {
  timeout: 1_200_000
}, async () => {
  await using home = await temporaryRoot()
  await using registry = await startRegistry()
  const served = await serve(registry)
  // A connection for each request: what is kept of one is kept thousands of times.
  registry.fault({}, fault.header("connection", "close"))
  const { signal } = new AbortController()
  await using oci = await open({ root: home.root, workers: 2 })

  const pull = async (from: number, to: number) => {
    for (let n = from; n < to; n++) {
      const each = served[n % images]
      if (each !== undefined) await pullOne(oci, registry, each, signal, n % 4)
    }
  }
  await pull(0, 10)
  const ten = await measure(signal)
  const heap = await heapOf()
  await pull(10, pulls)

  // Sockets that were closed are let go of in later turns.
  await expect
    .poll(
      async () => {
        const { sockets, workers, descriptors, listeners } = await measure(signal)
        return {
          sockets: Math.max(0, sockets - ten.sockets - pooled),
          workers: Math.max(0, workers - ten.workers),
          descriptors: Math.max(0, descriptors - ten.descriptors),
          listeners
        }
      },
      { timeout: 10_000 }
    )
    .toEqual({ sockets: 0, workers: 0, descriptors: 0, listeners: 0 })
  expect(await heapOf()).toBeLessThan(heap + heapBound)
})
