/** What `untar` reads, `tar` and `archive` write: the same entries, byte for byte. */
import fc from "fast-check"
import { from, lastValueFrom, map, type Observable, toArray } from "rxjs"
import { describe, expect, test } from "vitest"
import type { EntryHeader } from "../../src/layer/Entry.ts"
import { archive, archive$, concatGated, Gate, type TarEntry, tar, untar } from "../../src/stages/index.ts"
import { tar as made, randomImage, type SparseForm } from "../../src/testing/index.ts"
import { readArchive } from "../layer/readArchive.ts"
import { runs } from "../support/runs.ts"

const cut = (bytes: Uint8Array, size: number) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))

/** Chunks are copied as they come. */
const joined = async (chunks$: Observable<Uint8Array>) =>
  Buffer.concat(
    await lastValueFrom(
      chunks$.pipe(
        map((chunk) => Buffer.from(chunk)),
        toArray()
      )
    )
  )
const written = (bytes: Uint8Array, size = 4096) => joined(from(cut(bytes, size)).pipe(untar(), tar()))
const collected = async (entries: Iterable<TarEntry>) => {
  const chunks: Array<Uint8Array> = []
  for await (const chunk of archive(entries)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Headers without the map of holes, and bodies whole. */
const contents = async (bytes: Uint8Array) =>
  (await readArchive(bytes)).entries.map(({ header: { sparse, ...header }, body }) => ({
    ...header,
    xattrs: [...header.xattrs].map(([name, value]) => [name, Buffer.from(value).toString("hex")]).sort(),
    body: body.toString("latin1")
  }))

const same = async (bytes: Uint8Array) => {
  const once = await written(bytes)
  expect(await contents(once)).toEqual(await contents(bytes))
  expect(once.length % 512).toBe(0)
  expect(once.subarray(-1024).every((byte) => byte === 0)).toBe(true)
  // However it is cut, and again, it is the same.
  expect((await written(once, 333)).equals(once)).toBe(true)
}

const names = fc
  .uint8Array({ minLength: 1, maxLength: 130 })
  .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0xff : byte))))
const owner = fc.constantFrom(0, 1000, 0o777777, 0o1000000, 2 ** 32 - 2)
const times = fc.bigInt({ min: -62_135_596_800n * 10n ** 9n, max: 253_402_300_799n * 10n ** 9n })
const facts = fc.record({ mode: fc.integer({ min: 0, max: 0o7777 }), uid: owner, gid: owner, mtime: times })
const xattrs = fc.dictionary(fc.stringMatching(/^user\.[a-zé\n ]{1,9}$/), fc.uint8Array({ maxLength: 40 }), {
  maxKeys: 3
})
const entry = fc.oneof(
  fc.record({ name: names, facts, xattrs, body: fc.uint8Array({ maxLength: 1500 }) }),
  fc.record({ name: names, facts, xattrs }),
  fc.record({ is: fc.constantFrom("symlink" as const, "hardLink" as const), name: names, facts, target: names }),
  fc.record({
    is: fc.constantFrom("characterDevice" as const, "blockDevice" as const),
    name: names,
    facts,
    device: fc.tuple(fc.nat(4095), fc.nat(2 ** 32))
  }),
  fc.record({
    name: names,
    form: fc.constantFrom<SparseForm>("gnu", "pax-0.0", "pax-0.1", "pax-1.0"),
    holes: fc.array(fc.nat(3), { minLength: 1, maxLength: 30 })
  })
)
type Made = typeof entry extends fc.Arbitrary<infer A> ? A : never

const add = (to: ReturnType<typeof made>, it: Made) => {
  if ("body" in it) to.file(it.name, it.body, { ...it.facts, xattrs: it.xattrs })
  else if ("xattrs" in it) to.directory(it.name, { ...it.facts, xattrs: it.xattrs })
  else if ("target" in it) to[it.is](it.name, it.target, it.facts)
  else if ("device" in it) to[it.is](it.name, ...it.device, it.facts)
  else {
    let at = 0
    const regions = it.holes.map((hole, index) => {
      const offset = at + hole * 512
      at = offset + 512
      return [offset, Buffer.alloc(512, `${index} `)] as const
    })
    to.sparse(it.name, at + 700, regions, it.form, it.form === "gnu" ? { header: { magic: "ustar  \0" } } : {})
  }
}

describe("tar(untar(x)) is x", () => {
  test("for archives of any names, owners, times, attributes, devices and holes", async () => {
    const archives = fc.array(entry, { maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(archives, async (entries) => {
        const to = made("pax")
        for (const each of entries) add(to, each)
        await same(to.end().bytes())
      }),
      { numRuns: runs(60) }
    )
  })

  test.for([1, 2, 3, 4, 5])("for the layers of random image %i", async (seed) => {
    const { manifests, blobs } = await randomImage(seed, { compression: "none" })
    for (const { digest } of manifests.flatMap(({ layers }) => layers)) {
      const blob = blobs.get(digest)
      const chunks: Array<Uint8Array> = []
      for await (const chunk of blob?.read(0, blob.size) ?? []) chunks.push(chunk)
      await same(Buffer.concat(chunks))
    }
  })

  test("for an archive of nothing", async () => {
    expect((await written(made().end().bytes())).equals(Buffer.alloc(1024))).toBe(true)
  })
})

const file: TarEntry = { path: "f", type: "file", mode: 0o644, size: 4, body: [Buffer.from("text")] }
const headerOf = async (entry: TarEntry): Promise<EntryHeader | undefined> =>
  (await readArchive(await collected([entry]))).entries[0]?.header

test("an entry needs no more than a path, a type and a mode; what is absent is 0", async () => {
  expect(await headerOf({ path: "é/", type: "directory", mode: 0o700 })).toEqual({
    path: "\xc3\xa9/",
    linkPath: "",
    type: "directory",
    mode: 0o700,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: { seconds: 0, nanos: 0 },
    devMajor: 0,
    devMinor: 0,
    xattrs: new Map()
  })
})

test.for([
  [-1n, { seconds: -1, nanos: 999_999_999 }],
  [-1_000_000_000n, { seconds: -1, nanos: 0 }],
  [-1_500_000_000n, { seconds: -2, nanos: 500_000_000 }],
  [2n ** 31n * 1_000_000_000n, { seconds: 2 ** 31, nanos: 0 }]
] as const)("%i ns since 1970 are read back", async ([mtimeNs, mtime]) => {
  expect((await headerOf({ ...file, mtimeNs }))?.mtime).toEqual(mtime)
})

test.for([8 ** 11 - 1, 8 ** 11, 2 ** 40])(
  "a file of %i bytes has its size in the header, and is written piece by piece",
  async (size) => {
    const mebibyte = Buffer.alloc(2 ** 20)
    let given = 0
    const body = function* () {
      for (; ; given++) yield mebibyte
    }
    const chunks = archive([{ ...file, size, body: body() }])[Symbol.asyncIterator]()
    const { value: header = Buffer.alloc(0) } = await chunks.next()
    const opened: Array<EntryHeader> = []
    // The body is far from its end.
    from([header, mebibyte])
      .pipe(untar({ limits: { fileBytes: 2 ** 50 } }))
      .subscribe({
        next: (part) => {
          if ("header" in part) opened.push(part.header)
        },
        error: () => {}
      })
    expect(opened.map((it) => it.size)).toEqual([size])
    for (let n = 1; n <= 5; n++) {
      expect((await chunks.next()).value).toHaveLength(2 ** 20)
      expect(given).toBe(n - 1)
    }
    await chunks.return?.()
  }
)

test.for<readonly [string, string, Partial<TarEntry>]>([
  ["a name with a NUL", "path", { path: "a\0b" }],
  ["a target with a NUL", "linkPath", { type: "symlink", size: 0, linkPath: "a\0" }],
  ["an attribute with =", "xattrs", { xattrs: new Map([["user.a=b", Buffer.of(1)]]) }],
  ["an attribute without a name", "xattrs", { xattrs: new Map([["", Buffer.of(1)]]) }],
  ["half an owner", "uid", { uid: 0.5 }],
  ["a negative size", "size", { size: -1 }],
  ["a directory with a size", "size", { type: "directory" }],
  ["a body that is too short", "body", { size: 5 }],
  ["a body that is too long", "body", { size: 3 }],
  ["no body", "body", { body: undefined }]
])("%s is refused", async ([, option, more]) => {
  await expect(collected([{ ...file, ...more }])).rejects.toMatchObject({ _tag: "InvalidOption", option })
})

test("parts that end within a body are refused", async () => {
  const header = await headerOf(file)
  if (header === undefined) throw new Error("no entry")
  const begin = { _tag: "Begin", header } as const
  for (const parts of [[begin], [begin, begin], [{ _tag: "End" } as const]])
    await expect(joined(from(parts).pipe(tar()))).rejects.toMatchObject({ _tag: "InvalidOption" })
})

describe("a slow consumer", () => {
  const pieces = 1000
  /** Counts what is asked of it, and tells whether it was ended. */
  const counted = () => {
    const state = { asked: 0, isEnded: false, entriesEnded: false }
    const body = {
      async *[Symbol.asyncIterator]() {
        try {
          for (; state.asked < pieces; ) {
            state.asked += 1
            yield Buffer.alloc(1024)
          }
        } finally {
          state.isEnded = true
        }
      }
    }
    const entries = async function* () {
      try {
        yield { ...file, size: 1024 * pieces, body }
        yield file
      } finally {
        state.entriesEnded = true
      }
    }
    return { state, entries: entries() }
  }

  test("of archive is asked for nothing more, and ends body and entries when it leaves", async () => {
    const { state, entries } = counted()
    const chunks = archive(entries)[Symbol.asyncIterator]()
    for (let n = 0; n < 5; n++) await chunks.next()
    await new Promise(setImmediate)
    expect(state.asked).toBe(4)
    await chunks.return?.()
    expect(state).toEqual({ asked: 4, isEnded: true, entriesEnded: true })
    expect(await chunks.next()).toEqual({ done: true, value: undefined })
  })

  test("of archive$ closes the gate, and nothing is asked until it opens", async () => {
    const { state, entries } = counted()
    const gate = new Gate()
    let chunks = 0
    const reading = archive$(entries, gate).subscribe(() => {
      if (++chunks === 5) gate.close()
    })
    await expect.poll(() => chunks).toBe(5)
    await new Promise(setImmediate)
    expect(state.asked).toBe(4)
    gate.open()
    await expect.poll(() => state.entriesEnded).toBe(true)
    reading.unsubscribe()
  })

  test("of concatGated and archive$ holds one chunk", async () => {
    const { state, entries } = counted()
    let most = 0
    let seen = 0
    const slow = async () => {
      most = Math.max(most, state.asked - seen++)
      await new Promise(setImmediate)
    }
    await lastValueFrom(concatGated((gate) => archive$(entries, gate), slow))
    expect(seen).toBeGreaterThan(pieces)
    expect(most).toBeLessThanOrEqual(1)
  })

  test("that leaves while a body is awaited ends it", async () => {
    let isLeft = false
    const body = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: async () => {
          isLeft = true
          return { done: true, value: undefined } as const
        }
      })
    }
    const chunks = archive([{ ...file, body }])[Symbol.asyncIterator]()
    await chunks.next()
    void chunks.next()
    await new Promise(setImmediate)
    await chunks.return?.()
    expect(isLeft).toBe(true)
  })
})

test("an error of a body is the archive's, and ends the entries", async () => {
  let isEnded = false
  const entries = function* () {
    try {
      yield {
        ...file,
        body: (function* (): Generator<Uint8Array> {
          throw new Error("gone")
        })()
      }
    } finally {
      isEnded = true
    }
  }
  await expect(collected(entries())).rejects.toThrow("gone")
  expect(isEnded).toBe(true)
})
