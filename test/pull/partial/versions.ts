/** Two versions of an image of one layer, of which most files are the same. */
import { readdirSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"
import type { PullEvent } from "../../../src/api/events.ts"
import { image, Prng, type TableLayerOptions, type TestRegistry, tableLayer, tar } from "../../../src/testing/index.ts"
import { snapshot } from "../../support/diskTree.ts"

export const forms = ["zstd:chunked", "estargz"] as const

const facts = (mtime: number) => ({ mode: 0o640, uid: 1000, gid: 7, mtime: BigInt(mtime) * 1_000_000_000n })

/** `files`: how many; those in `changed` are others than in version 1. */
export const archiveOf = (changed: ReadonlySet<number>, files = 40, bytes = 9000) => {
  const made = tar("pax").directory("usr/", { mode: 0o755 }).directory("usr/lib", { mode: 0o700 })
  for (let at = 0; at < files; at++) {
    const seed = changed.has(at) ? `new ${at}` : `old ${at}`
    const size = at === 5 ? 20 * bytes : bytes + at
    made.file(`usr/lib/f${at}`, new Prng(seed).bytes(size), facts(1_600_000_000 + at))
  }
  return made
    .file("usr/empty", "")
    .file("usr/x", "attributed", { ...facts(7), xattrs: { "user.note": "a value" } })
    .symlink("usr/link", "lib/f1")
    .hardLink("usr/hard", "usr/lib/f2")
    .characterDevice("usr/null", 1, 3, { mode: 0o666 })
    .file("usr/lib/.wh.gone", "")
    .directory("var/é".normalize("NFC"), { mode: 0o1777 })
}

export const versionOf = async (changed: ReadonlyArray<number>, options: TableLayerOptions = {}) =>
  image({ layers: [await tableLayer(archiveOf(new Set(changed)), options)] })

/** Bytes of blobs that the registry sent, the config left out. */
export const sentBytes = ({ log }: TestRegistry, digest: string): number =>
  log.ranges(digest).reduce((sum, [from, to]) => sum + to - from, 0)

export const warningsOf = (events: ReadonlyArray<PullEvent>) =>
  events.flatMap((event) => (event._tag === "Warning" ? [event.code] : []))

/** Of eStargz: what only its own readers want, and a pull by its table leaves out. */
export const ofReaders: ReadonlySet<string> = new Set([
  "stargz.index.json",
  ".prefetch.landmark",
  ".no.prefetch.landmark"
])

/** All that an archive says of a tree. */
export const treeOf = (directory: string) =>
  Object.fromEntries(
    Object.entries(snapshot(directory, (path) => ofReaders.has(basename(path)))).map(
      ([path, { inode: _, ctime: __, ...rest }]) => [path, rest]
    )
  )

/** Paths of all files beneath. */
export const filesUnder = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { recursive: true, encoding: "utf8" }).map((name) => join(directory, name))

export const contentsOf = (path: string) => readFileSync(path, "latin1")
