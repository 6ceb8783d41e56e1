/**
 * By hand: mutated archives as we read them, as Python's tarfile does and as GNU tar does. `npm run fuzz:compare` tells of
 * each kind of difference how often it was met, and one case that shows it. Readers do differ; what counts is that a kind
 * is understood. FUZZ_CASES and FUZZ_SEED say how many and which; FUZZ_CASE shows one, and keeps it.
 */
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isReason } from "../../src/api/errors.ts"
import { Prng } from "../../src/testing/image/Prng.ts"
import { type ReadEntry, readArchive } from "../layer/readArchive.ts"
import { mutate } from "./mutate.ts"
import { bodyBytes, gnuTar, type Line, type Listing, Python, sha1 } from "./readers.ts"
import { makeSeeds } from "./seeds.ts"

const { FUZZ_SEED, FUZZ_CASES = "2000", FUZZ_CASE } = process.env
const seed = FUZZ_SEED ?? randomBytes(4).toString("hex")
const only = FUZZ_CASE === undefined ? undefined : Number(FUZZ_CASE)
const directory = mkdtempSync(join(tmpdir(), "ociflow-compare-"))

const lineOf = ({ header, body }: ReadEntry): Line => ({
  kind: header.type,
  name: header.path,
  link: header.linkPath,
  mode: header.mode,
  uid: header.uid,
  gid: header.gid,
  mtime: header.mtime.seconds,
  size: header.size,
  body: header.type === "file" && header.size <= bodyBytes ? sha1(body) : ""
})

const ours = async (archive: Uint8Array): Promise<Listing> => {
  try {
    const { entries } = await readArchive(archive)
    const files = entries.filter(({ header }) => header.type === "file")
    return {
      entries: entries.map(lineOf),
      ...(files.every(({ header }) => header.size <= bodyBytes) && {
        bodies: sha1(Buffer.concat(files.map(({ body }) => body)))
      })
    }
  } catch (error) {
    if (!isReason(error)) throw error
    return { refused: `${error._tag}: ${"problem" in error ? error.problem : error.message}` }
  }
}

const plain = (name: string) => name.replace(/\/+$/, "")

/** What differs first, or `undefined`. */
const difference = (one: Listing, two: Listing): string | undefined => {
  if ("refused" in one || "refused" in two) return undefined
  for (const [i, a] of one.entries.entries()) {
    const b = two.entries[i]
    if (b === undefined) return "fewer entries"
    for (const key of ["kind", "name", "link", "size", "mode", "uid", "gid", "mtime", "body"] as const) {
      if ((key === "body" && (a.body === "" || b.body === "")) || (key === "mtime" && Number.isNaN(b.mtime))) continue
      // GNU tar shows of a link no mode but 0777.
      if (key === "mode" && a.kind === "symlink") continue
      const [x, y] = key === "name" ? [plain(a.name), plain(b.name)] : [a[key], b[key]]
      if (x !== y) return `${key} of a ${a.kind}`
    }
  }
  if (one.entries.length < two.entries.length) return "more entries"
  return one.bodies !== undefined && two.bodies !== undefined && one.bodies !== two.bodies ? "bodies" : undefined
}

const general = (text: string) =>
  text
    .replace(/\d+/g, "#")
    .replace(/"[^"]*"|'[^']*'/g, "…")
    .slice(0, 90)

const kinds = new Map<string, { count: number; readonly example: number }>()
const note = (kind: string, number: number) => {
  const known = kinds.get(kind)
  if (known === undefined) kinds.set(kind, { count: 1, example: number })
  else known.count++
}

const seeds = makeSeeds()
using python = new Python()
const pick = (random: Prng): Buffer => seeds[random.below(seeds.length)] ?? Buffer.alloc(0)
console.log(`from the seed ${seed}`)

const first = only ?? 0
const end = only === undefined ? Number(FUZZ_CASES) : only + 1
for (let number = first; number < end; number++) {
  const random = new Prng(`${seed}:${number}`)
  const archive = mutate(pick(random), random, "/outside", () => pick(random))
  const path = join(directory, `${only === undefined ? "case" : number}.tar`)
  writeFileSync(path, archive)
  const mine = await ours(archive)
  const readings = {
    Python: await python.list(path),
    "GNU tar": gnuTar(path, "entries" in mine && mine.bodies !== undefined)
  }
  if (only !== undefined)
    for (const [name, { ...listing }] of Object.entries({ ours: mine, ...readings }))
      console.log(
        "entries" in listing ? listing.entries.map((it) => JSON.stringify(it)).join("\n") : listing,
        `${name}\n`
      )
  if ("refused" in mine) {
    const taken = Object.values(readings).every((it) => "entries" in it)
    const alike = taken && difference(readings.Python, readings["GNU tar"]) === undefined
    note(
      `refused by us alone, the others ${alike ? "agree" : taken ? "differ" : "do not both read it"}: ${general(mine.refused)}`,
      number
    )
    continue
  }
  for (const [name, theirs] of Object.entries(readings)) {
    const differs = difference(mine, theirs)
    if ("refused" in theirs) note(`${name} refuses what we read: ${general(theirs.refused)}`, number)
    else note(differs === undefined ? `${name}: the same` : `${name}: ${differs}`, number)
  }
}
for (const [kind, { count, example }] of [...kinds].sort(([, a], [, b]) => b.count - a.count))
  console.log(`${String(count).padStart(7)}  ${kind}  (FUZZ_SEED=${seed} FUZZ_CASE=${example})`)
if (only === undefined) rmSync(directory, { recursive: true })
