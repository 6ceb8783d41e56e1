/** What people write to read an image's files: each way gives the same answer for every size and every cut of the blob. */
import { createHash } from "node:crypto"
import { text } from "node:stream/consumers"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import {
  asyncScheduler,
  concatMap,
  from,
  ignoreElements,
  lastValueFrom,
  merge,
  mergeMap,
  type Observable,
  observeOn,
  reduce,
  share,
  toArray
} from "rxjs"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { PullError } from "../../../src/api/errors.ts"
import { type Client, open } from "../../../src/client.ts"
import { Puller } from "../../../src/Puller.ts"
import type { Entry } from "../../../src/read/entries/Entry.ts"
import { entries } from "../../../src/streams.ts"
import { image, startRegistry, type TestRegistry, tar } from "../../../src/testing/index.ts"
import { temporaryRoot } from "../../support/open.ts"

const sizes = { "3 000 equal files": [3000, 8192], "one large file": [1, 12_000_000] } as const

let registry: TestRegistry
let oci: Client
let home: Awaited<ReturnType<typeof temporaryRoot>>
let root: string

const bodyOf = (index: number, size: number) => Buffer.alloc(size, `${index} is the content `)

beforeAll(async () => {
  const images = Object.entries(sizes).map(async ([, [count, size]], index) => {
    const archive = tar()
    for (let i = 0; i < count; i++) archive.file(`f${i}`, bodyOf(i, size))
    return [`app:${index}`, await image({ layers: [archive], compression: "none" })] as const
  })
  registry = await startRegistry({ images: Object.fromEntries(await Promise.all(images)) })
  home = await temporaryRoot()
  root = home.root
  oci = await open({ root, credentials: {} })
}, 60_000)
afterAll(async () => {
  await oci.close()
  await registry.close()
  await home[Symbol.asyncDispose]()
})

const pause = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)))
const sha1 = (body: Uint8Array) => createHash("sha1").update(body).digest("hex")

/** One line for each entry that was read. */
const line = async ({ path }: Entry, bytes: Promise<Uint8Array>) => `${path} ${sha1(await bytes)}`
const read = (entry: Entry) => line(entry, entry.bytes())
const late = async (entry: Entry) => {
  await pause()
  return read(entry)
}

const all = <A>(sequence: Observable<A>) => lastValueFrom(sequence.pipe(toArray()), { defaultValue: [] })

const good: Readonly<Record<string, (name: string) => Promise<ReadonlyArray<string>>>> = {
  "concatMap, the body read at once": (name) => all(oci.entries$(name).pipe(concatMap(read))),
  "mergeMap(2), the body read at once": (name) => all(oci.entries$(name).pipe(mergeMap(read, 2))),
  "a function that decides late": (name) => all(oci.entries$(name, {}, late)),
  "a function that works on after the body": (name) =>
    all(
      oci.entries$(name, {}, async (entry) => {
        const found = await read(entry)
        await pause()
        return found
      })
    ),
  "a function that reads piece by piece": (name) =>
    all(
      oci.entries$(name, undefined, async (entry) => {
        const hash = createHash("sha1")
        for await (const piece of entry.body) {
          await pause()
          hash.update(piece)
        }
        return `${entry.path} ${hash.digest("hex")}`
      })
    ),
  "a function that gives an observable": (name) =>
    all(
      oci.entries$(name, undefined, (entry) =>
        entry.body$.pipe(
          reduce((hash, piece) => hash.update(piece), createHash("sha1")),
          concatMap(async (hash) => `${entry.path} ${hash.digest("hex")}`)
        )
      )
    ),
  "for await": async (name) => {
    const found: Array<string> = []
    for await (const entry of oci.entries(name)) found.push(await late(entry))
    return found
  },
  "for await, the body as a ReadableStream": async (name) => {
    const found: Array<string> = []
    for await (const entry of oci.entries(name)) {
      await pause()

      const body = await text(ReadableStream.from(entry.body))
      found.push(`${entry.path} ${sha1(Buffer.from(body))}`)
    }
    return found
  },
  "an Effect Stream": (name) =>
    entries(name).pipe(
      Stream.mapEffect((entry) => Effect.promise(() => late(entry))),
      Stream.runCollect,
      Effect.map((found) => [...found]),
      Effect.provide(Puller.layer({ root, credentials: {} })),
      Effect.runPromise
    )
}

/** Those who ask too late, or a second time. */
const gone: Readonly<Record<string, (name: string) => Promise<unknown>>> = {
  "an asynchronous decision without a function": (name) => all(oci.entries$(name).pipe(concatMap(late))),
  observeOn: (name) => all(oci.entries$(name).pipe(observeOn(asyncScheduler), concatMap(read))),
  "two readers of a share": (name) => {
    const shared = oci.entries$(name).pipe(share())
    return all(merge(shared.pipe(concatMap(read)), shared.pipe(concatMap(read))))
  },
  "the body twice": (name) =>
    all(
      oci.entries$(name, {}, async (entry) => {
        await entry.bytes()
        await read(entry)
      })
    ),
  "from(entries), which asks for all there is": (name) => all(from(oci.entries(name)).pipe(mergeMap(late, 2))),
  "the entry kept until the next": async (name) => {
    let last: Entry | undefined
    for await (const entry of oci.entries(name)) last = entry
    await last?.bytes()
  }
}

describe.each(Object.entries(sizes))("%s", (kind, [count, size]) => {
  const name = () => registry.reference(`app:${Object.keys(sizes).indexOf(kind)}`)
  const expected = Array.from({ length: count }, (_, i) => `f${i} ${sha1(bodyOf(i, size))}`)

  test.for(Object.entries(good))("are read by %s", { timeout: 60_000 }, async ([, spelling]) => {
    expect(await spelling(name())).toEqual(expected)
  })

  test.for(Object.entries(gone))("are gone for %s", { timeout: 60_000 }, async ([, spelling]) => {
    const error = await spelling(name()).then(
      () => undefined,
      (it: unknown) => it
    )
    expect(error).toBeInstanceOf(PullError)
    expect(error).toMatchObject({ reference: name(), reason: { _tag: "BodyGone" } })
  })
})

test("work after the body without a function: the second entry is gone, whatever its size", async () => {
  const seen: Array<string> = []
  const work = async (entry: Entry) => {
    seen.push(await read(entry))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const reading = all(oci.entries$(registry.reference("app:0")).pipe(concatMap(work), ignoreElements()))
  await expect(reading).rejects.toMatchObject({ reason: { _tag: "BodyGone", path: "f1" } })
  expect(seen).toHaveLength(1)
})
