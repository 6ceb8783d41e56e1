/** What a fingerprint tells of a tree, and what it does not. */
import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import * as Effect from "effect/Effect"
import { filter, firstValueFrom, lastValueFrom, toArray } from "rxjs"
import { afterAll, describe, expect, test } from "vitest"
import { type FingerprintFacts, fingerprintFactsOf } from "../../../src/layer/FingerprintFacts.ts"
import { fingerprint } from "../../../src/layer/metadata/fingerprint.ts"
import { ExtractionPool, type ExtractionPoolOptions } from "../../../src/layer/pool/ExtractionPool.ts"
import { digestOf, tar } from "../../../src/testing/index.ts"
import { it } from "../../support/effect.ts"
import { gated } from "../readArchive.ts"

const home = mkdtempSync(join(tmpdir(), "ociflow-fingerprint-"))
afterAll(() => rmSync(home, { recursive: true }))
const isRoot = process.geteuid?.() === 0
const past = new Date("2020-02-03T04:05:06.789Z")

/** A small tree of all kinds that anybody may make. */
const makeTree = () => {
  const root = mkdtempSync(join(home, "tree-"))
  const put = (path: string, body: string) => {
    writeFileSync(join(root, path), body)
    utimesSync(join(root, path), past, past)
  }
  mkdirSync(join(root, "etc/deep"), { recursive: true })
  put("etc/a", "alpha")
  put("etc/deep/b", "beta")
  put("empty", "")
  put("z", "zed")
  linkSync(join(root, "z"), join(root, "z-too"))
  symlinkSync("etc/a", join(root, "link"))
  return root
}
const of = (root: string, facts: FingerprintFacts = "plain") => fingerprint(root, facts, () => {})
const retarget = (root: string, target: string) => {
  rmSync(join(root, "link"))
  symlinkSync(target, join(root, "link"))
}

const noticed: Readonly<Record<string, (root: string) => void>> = {
  "a missing file": (root) => rmSync(join(root, "etc/a")),
  "a missing directory": (root) => rmSync(join(root, "etc/deep"), { recursive: true }),
  "an added file": (root) => writeFileSync(join(root, "etc/more"), ""),
  "an added empty directory": (root) => mkdirSync(join(root, "etc/more")),
  "a truncated file": (root) => {
    truncateSync(join(root, "etc/a"), 2)
    utimesSync(join(root, "etc/a"), past, past)
  },
  "an emptied file": (root) => truncateSync(join(root, "etc/a"), 0),
  "other bytes of the same length": (root) => writeFileSync(join(root, "etc/a"), "ALPHA"),
  "another time": (root) => utimesSync(join(root, "etc/a"), past, new Date(past.getTime() + 1)),
  "another target of a link": (root) => retarget(root, "etc/b"),
  "a link in a file's place": (root) => {
    rmSync(join(root, "etc/a"))
    symlinkSync("alpha", join(root, "etc/a"))
  },
  "a file in a link's place": (root) => {
    rmSync(join(root, "link"))
    writeFileSync(join(root, "link"), "etc/a")
  },
  "a copy in a hard link's place": (root) => {
    rmSync(join(root, "z-too"))
    copyFileSync(join(root, "z"), join(root, "z-too"))
    utimesSync(join(root, "z-too"), past, past)
  },
  "a file that moved into another directory": (root) => renameSync(join(root, "z"), join(root, "etc/z")),
  "a file that moved out of its directory": (root) => renameSync(join(root, "etc/deep/b"), join(root, "etc/b")),
  "something said beside the tree": (root) => writeFileSync(`${root}.stat`, "{}")
}

describe("a fingerprint tells of", () => {
  test.each(Object.entries(noticed))("%s", (_name, change) => {
    const root = makeTree()
    const before = of(root)
    change(root)
    expect(of(root)).not.toBe(before)
  })

  test.runIf(process.platform === "linux")("names that are no UTF-8, each by its bytes", () => {
    const [one, two] = [makeTree(), makeTree()]
    writeFileSync(Buffer.concat([Buffer.from(`${one}/`), Buffer.of(0xff)]), "")
    writeFileSync(Buffer.concat([Buffer.from(`${two}/`), Buffer.of(0xfe)]), "")
    expect(of(one)).not.toBe(of(two))
  })

  test("modes where owners are real, and only there", () => {
    for (const path of ["etc/a", "etc/deep", "."]) {
      const root = makeTree()
      const [plain, owners] = [of(root), of(root, "owners")]
      chmodSync(join(root, path), 0o711)
      expect(of(root)).toBe(plain)
      expect(of(root, "owners")).not.toBe(owners)
    }
  })

  test.runIf(isRoot)("owners where they are real, and only there", () => {
    const root = makeTree()
    const [plain, owners] = [of(root), of(root, "owners")]
    chownSync(join(root, "etc/a"), 1234, 0)
    expect(of(root)).toBe(plain)
    expect(of(root, "owners")).not.toBe(owners)
  })
})

describe("a fingerprint is the same", () => {
  const unnoticed: Readonly<Record<string, (root: string) => void>> = {
    "after everything was read": (root) => {
      for (const path of ["etc/a", "etc/deep/b", "z", "link"]) {
        readFileSync(join(root, path))
        const { mtime } = statSync(join(root, path))
        utimesSync(join(root, path), new Date(), mtime)
      }
      readdirSync(join(root, "etc"))
    },
    "whatever the times of directories, links and empty files are": (root) => {
      for (const path of [".", "etc", "etc/deep", "empty", "link"]) lutimesSync(join(root, path), 1, 1)
    },
    "after a file came and went": (root) => {
      writeFileSync(join(root, "etc/more"), "")
      rmSync(join(root, "etc/more"))
    },
    "under another name": () => {},
    "after a file was written over with as many bytes and its time was set back": (root) => {
      writeFileSync(join(root, "etc/a"), "ALPHA")
      utimesSync(join(root, "etc/a"), past, past)
    },
    "while somebody has another name for a file elsewhere": (root) => linkSync(join(root, "etc/a"), `${root}-elsewhere`)
  }
  test.each(Object.entries(unnoticed))("%s", (_name, change) => {
    const root = makeTree()
    const before = of(root)
    change(root)
    renameSync(root, `${root}-renamed`)
    expect(of(`${root}-renamed`)).toBe(before)
  })
})

test("of what it was taken can be read from it, and of an unknown kind nothing", () => {
  const root = makeTree()
  expect(fingerprintFactsOf(of(root))).toBe("plain")
  expect(fingerprintFactsOf(of(root, "owners"))).toBe("owners")
  for (const text of ["tree2:00", "", "tree1", of(root).slice(6)]) expect(fingerprintFactsOf(text)).toBeUndefined()
})

test("a fingerprint can be cancelled at each entry; an unreadable entry is a FileSystemFailed", () => {
  const root = makeTree()
  let looks = 0
  const leave = new Error("left")
  const look = () => {
    looks += 1
    if (looks === 3) throw leave
  }
  expect(() => fingerprint(root, "plain", look)).toThrow(leave)
  expect(looks).toBe(3)
  const missing = join(home, "nowhere")
  expect(() => of(missing)).toThrow(
    expect.objectContaining({ _tag: "FileSystemFailed", code: "ENOENT", path: missing })
  )
})

const making = (options: ExtractionPoolOptions, body: (pool: ExtractionPool["Service"]) => Promise<unknown>) =>
  ExtractionPool.use((pool) => Effect.promise(() => body(pool))).pipe(
    Effect.provide(ExtractionPool.layer({ workers: 1, ...options }))
  )

/** Implied parents, an empty file, links of both kinds, whiteouts. */
const archive = tar()
  .file("usr/share/doc/a", "text", { mtime: 1_600_000_000 })
  .directory("etc/", { mtime: 1_500_000_000, mode: 0o750, uid: 7 })
  .file("etc/passwd", "root", { mtime: 1_500_000_001, mode: 0o4755, uid: 8, gid: 9 })
  .file("empty", "")
  .hardLink("etc/passwd-too", "etc/passwd")
  .symlink("bin", "usr/bin", { uid: 3 })
  .file("gone/.wh.file")
  .file("var/.wh..wh..opq")
  .end()
  .bytes()
const blob = gzipSync(archive)
const layer = {
  digest: digestOf(blob),
  diffId: digestOf(archive),
  mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
  size: blob.length
}

const makings: ReadonlyArray<ExtractionPoolOptions> = [
  {},
  { ownership: "none" },
  ...(isRoot ? [{ ownership: "chown" } as const, { layout: "overlay" } as const] : [])
]

describe.each(makings)("a layer that is extracted twice, with %j", (options) => {
  it.live("has one fingerprint, which a later look finds again", () =>
    making(options, async (pool) => {
      const extract = async () => {
        const directory = mkdtempSync(join(home, "layer-"))
        const events = await lastValueFrom(
          pool.extract$({ ...layer, directory }, (gate) => gated(blob, gate, [100])).pipe(toArray())
        )
        const last = events.at(-1)
        return { directory, print: last?._tag === "Extracted" ? last.fingerprint : undefined }
      }
      const [one, two] = [await extract(), await extract()]
      expect(one.print).toMatch(/^tree1(-owners)?:[0-9a-f]{64}$/)
      expect(two.print).toBe(one.print)
      const { directory, print: like } = one
      const look = () => lastValueFrom(pool.fingerprint$({ digest: layer.digest, directory, like }))
      expect(await look()).toBe(like)
      expect(await lastValueFrom(pool.fingerprint$({ digest: layer.digest, directory }))).toBe(like)
      appendFileSync(join(directory, "usr/share/doc/a"), "!")
      expect(await look()).not.toBe(like)
    })
  )
})

describe("fingerprint$", () => {
  it.live("of a kind that is not known gives nothing, and of nothing a FileSystemFailed", () =>
    making({}, async (pool) => {
      const directory = makeTree()
      const { digest } = layer
      expect(await lastValueFrom(pool.fingerprint$({ digest, directory, like: "tree9:0" }), { defaultValue: 0 })).toBe(
        0
      )
      const missing = lastValueFrom(pool.fingerprint$({ digest, directory: join(home, "nowhere") }))
      await expect(missing).rejects.toMatchObject({ _tag: "FileSystemFailed", code: "ENOENT" })
    })
  )

  it.live("that nobody waits for any more frees its worker for the next job", () =>
    making({}, async (pool) => {
      const directory = makeTree()
      for (let i = 0; i < 2000; i++) writeFileSync(join(directory, `file-${i}`), "")
      for (let i = 0; i < 3; i++) pool.fingerprint$({ digest: layer.digest, directory }).subscribe().unsubscribe()
      const to = mkdtempSync(join(home, "layer-"))
      await firstValueFrom(
        pool
          .extract$({ ...layer, directory: to }, (gate) => gated(blob, gate))
          .pipe(filter(({ _tag }) => _tag === "Extracted"))
      )
      expect(existsSync(join(to, "etc/passwd"))).toBe(true)
    })
  )

  it.live("of merged layers is not taken by one of their jobs", () =>
    making({ layout: "rootfs" }, async (pool) => {
      const directory = mkdtempSync(join(home, "layer-"))
      const done = await lastValueFrom(pool.extract$({ ...layer, directory }, (gate) => gated(blob, gate)))
      expect(done).toEqual({ _tag: "Extracted", inflated: archive.length, entries: 8 })
    })
  )
})
