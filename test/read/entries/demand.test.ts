/** A reader that stops asking stops the registry, whichever way it reads: bytes are counted, not time. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { concatMap, NEVER, tap } from "rxjs"
import { expect, test } from "vitest"
import type { Client } from "../../../src/client.ts"
import { Puller } from "../../../src/Puller.ts"
import { Gate } from "../../../src/reactive/Gate.ts"
import type { Entry } from "../../../src/read/entries/Entry.ts"
import { entries } from "../../../src/streams.ts"
import { bigLayer, image, Prng, startRegistry } from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"
import { buffered, sentBy } from "../../support/sentBy.ts"

/** Its bytes do not deflate. */
const layer = await bigLayer({ size: 64 * 2 ** 20, chunk: new Prng(7).bytes(2 ** 20) })
const made = await image({ layers: [layer] })
const digest = made.manifests[0]?.layers[0]?.digest ?? ""

const enough = 3

interface Reading {
  readonly oci: Client
  readonly name: string
  readonly root: string
  /** Counts a piece; true where it is the last that is asked for. */
  readonly isEnough: () => boolean
}

const never = () => new Promise<never>(() => {})

const pieces = async (body: AsyncIterable<Uint8Array>, { isEnough }: Pick<Reading, "isEnough">) => {
  for await (const _ of body) if (isEnough()) await never()
}
const body = (entry: Entry, reading: Reading) => pieces(entry.body, reading)

/** Each begins to read, and gives what ends the reading. */
const ways: Readonly<Record<string, (reading: Reading) => () => unknown>> = {
  "entries, for await": (reading) => {
    const iterator = reading.oci.entries(reading.name)[Symbol.asyncIterator]()
    void iterator.next().then(({ value }) => value && body(value, reading))
    return () => iterator.return?.()
  },
  "entries, the body as a ReadableStream": (reading) => {
    const iterator = reading.oci.entries(reading.name)[Symbol.asyncIterator]()
    void iterator.next().then(async ({ value }) => {
      if (value === undefined) return
      const reader = ReadableStream.from<Uint8Array>(value.body).getReader()
      do await reader.read()
      while (!reading.isEnough())
    })
    return () => iterator.return?.()
  },
  "entries$ with a function that reads piece by piece": (reading) => {
    const subscription = reading.oci.entries$(reading.name, {}, (entry) => body(entry, reading)).subscribe()
    return () => subscription.unsubscribe()
  },
  "entries$, the body read at once": (reading) => {
    const subscription = reading.oci
      .entries$(reading.name)
      .pipe(concatMap((entry) => body(entry, reading)))
      .subscribe()
    return () => subscription.unsubscribe()
  },
  "entries$ and body$ with a gate": (reading) => {
    const gate = new Gate()
    const close = () => {
      if (reading.isEnough()) gate.close()
    }
    const subscription = reading.oci
      .entries$(reading.name, { gate })
      .pipe(concatMap(({ body$ }) => body$.pipe(tap(close))))
      .subscribe()
    return () => subscription.unsubscribe()
  },
  "an Effect Stream": (reading) => {
    const fiber = entries(reading.name).pipe(
      Stream.mapEffect((entry) => Effect.promise(() => body(entry, reading))),
      Stream.runDrain,
      Effect.provide(Puller.layer({ root: reading.root, credentials: {} })),
      Effect.runFork
    )
    return () => Effect.runPromise(Fiber.interrupt(fiber))
  },
  "blob, for await": (reading) => {
    const iterator = reading.oci.blob(reading.name, digest)[Symbol.asyncIterator]()
    void pieces({ [Symbol.asyncIterator]: () => iterator }, reading)
    return () => iterator.return?.()
  },
  "export of an archive, for await": (reading) => {
    const iterator = reading.oci.export(reading.name, { format: "oci-archive" })[Symbol.asyncIterator]()
    void pieces({ [Symbol.asyncIterator]: () => iterator }, reading)
    return () => iterator.return?.()
  },
  "export$ of an archive, with a function": (reading) => {
    const subscription = reading.oci
      .export$(reading.name, { format: "docker-archive" }, () => (reading.isEnough() ? NEVER : [undefined]))
      .subscribe()
    return () => subscription.unsubscribe()
  },
  "blob$ with a function": (reading) => {
    const subscription = reading.oci
      .blob$(reading.name, digest, {}, () => (reading.isEnough() ? NEVER : [undefined]))
      .subscribe()
    return () => subscription.unsubscribe()
  }
}

test.for(Object.entries(ways))("%s", { timeout: 60_000 }, async ([, begin]) => {
  await using registry = await startRegistry({ images: { "app:1": made } })
  await using oci = await open()
  let count = 0
  const isEnough = () => ++count >= enough
  const end = begin({ oci, name: registry.reference("app:1"), root: oci.root, isEnough })
  await expect.poll(() => count, { timeout: 20_000 }).toBe(enough)
  const sent = await sentBy(registry)
  expect(sent).toBeGreaterThan(0)
  // Pieces of 1 MiB at most, the worker's credit, and what sockets hold.
  expect(sent).toBeLessThan(buffered + (enough + 1) * 2 ** 20)
  expect(count).toBe(enough)
  await end()
  await oci.settled()
  await expect.poll(() => registry.log.where({ kind: "blob", state: "open" }).length).toBe(0)
  expect(await sentBy(registry)).toBeLessThan(layer.blob.size)
})

test("a reader that asks on is sent all of it: the count can tell", { timeout: 60_000 }, async () => {
  await using registry = await startRegistry({ images: { "app:1": made } })
  await using oci = await open()
  for await (const entry of oci.entries(registry.reference("app:1"))) for await (const _ of entry.body);
  expect(await sentBy(registry)).toBeGreaterThan(64 * 2 ** 20)
})
