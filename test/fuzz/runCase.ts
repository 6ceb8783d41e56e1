/** One case of a mutated layer: what it does to a directory, and which law it breaks, if any. */
import { createHash } from "node:crypto"
import { mkdirSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { defaultLimits } from "../../src/api/config.ts"
import { isReason } from "../../src/api/errors.ts"
import { Prng } from "../../src/testing/image/Prng.ts"
import { differenceOf } from "./differenceOf.ts"
import { type Extraction, extractBlob, type Outcome } from "./extractBlob.ts"
import { blobOf } from "./frames.ts"
import { clear } from "./leavings.ts"
import { mutate } from "./mutate.ts"
import { readBodies } from "./readBodies.ts"
import type { Sentinel } from "./Sentinel.ts"
import { countSteps } from "./steps.ts"
import type { Case, Verdict } from "./Verdict.ts"

/** Small enough to be met. */
const limits = {
  ...defaultLimits,
  layerBytes: 2 ** 22,
  fileBytes: 2 ** 20,
  entries: 400,
  depth: 64,
  pathBytes: 1024,
  linkBytes: 512,
  paxBytes: 2 ** 14,
  pendingBytes: 2 ** 15
}

/** Of the bodies that are read: holes of more than one turn. */
const wide = { ...limits, fileBytes: 2 ** 23 }

/** Of the first extraction. */
const decompressed = Buffer.alloc(limits.layerBytes)

/** Linux 6.2 and later tell the number as the directory's size, older ones tell nothing. */
const openFiles = (): number | undefined =>
  process.platform === "linux" ? statSync("/proc/self/fd").size || readdirSync("/proc/self/fd").length : undefined

const describe = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}\n${error.stack}` : String(error)

/** tar-stream cuts the archive into blocks and bodies: it has nothing to say of what they are. */
const disagreement = /Invalid (?:tar )?header|Unexpected end|Header exceeds|in a way that is not known/i

export const runCase = async (
  { seed, number }: Case,
  seeds: ReadonlyArray<Buffer>,
  sentinel: Sentinel
): Promise<Verdict> => {
  const random = new Prng(`${seed}:${number}`)
  const pickSeed = (): Buffer => seeds[random.below(seeds.length)] ?? Buffer.alloc(0)
  const { outside } = sentinel
  const archive = mutate(pickSeed(), random, outside, pickSeed)
  const blob = blobOf(archive, random)
  const root = process.geteuid?.() === 0
  const job: Omit<Extraction, "directory" | "sizes" | "look"> = {
    blob: blob.bytes,
    digest: `sha256:${createHash("sha256").update(blob.bytes).digest("hex")}`,
    mediaType: blob.mediaType,
    limits,
    applying: {
      ownership: random.pick(["xattr", "xattr", "none", root ? "chown" : "none"]),
      layout: random.pick(["layers", "layers", "rootfs", "overlay"])
    }
  }
  const before = openFiles()
  const problems: Array<string> = []
  const run = async (name: string, sizes: ReadonlyArray<number>, into?: Buffer): Promise<Outcome> => {
    const directory = join(outside, name)
    mkdirSync(directory)
    const { look, broken } = countSteps()
    const outcome = await extractBlob({ ...job, directory, sizes, look, ...(into === undefined ? {} : { into }) })
    const dear = broken()
    if (dear !== undefined) problems.push(dear)
    if (outcome.error !== undefined && !isReason(outcome.error)) problems.push(`untyped: ${describe(outcome.error)}`)
    const { problem = "" } = Object(outcome.error) as { problem?: string }
    if (disagreement.test(problem)) problems.push(`tar-stream speaks: ${problem}`)
    const after = openFiles()
    if (after !== before) problems.push(`${after} open files where ${before} were`)
    const change = sentinel.broken()
    if (change !== undefined) problems.push(`outside of the root: ${change}`)
    return outcome
  }
  const tagOf = ({ error }: Outcome) => (error === undefined ? "tree" : isReason(error) ? error._tag : "untyped")

  clear(outside)
  const first = await run("root1", [random.pick([700, 4096, 65536])], decompressed)
  if (blob.intact && first.error === undefined && !first.archive.equals(archive.subarray(0, first.archive.length)))
    problems.push("decompressed to something else")
  if (blob.bytes[0] === 0x1f && first.error === undefined) {
    // zlib looks at the CRC, we at the diffID.
    try {
      if (!gunzipSync(blob.bytes).equals(first.archive)) problems.push("zlib decompresses to something else")
    } catch {}
  }
  if (first.error === undefined && problems.length === 0) {
    const second = await run("root2", [1 + random.below(900), 1 + random.below(5000)])
    if (tagOf(second) !== "tree") problems.push(`a tree at first, then ${describe(second.error)}`)
    else {
      const differs = differenceOf(join(outside, "root1"), join(outside, "root2"))
      if (differs !== undefined) problems.push(`two trees: ${differs}`)
    }
  }
  // Some of them, since most archives have no holes; no draw of chance, which would be another case from here on.
  if (number % 8 === 0) {
    const bodies = await readBodies(archive, wide, number % 16 === 0)
    if (bodies !== undefined) problems.push(`through entries$: ${bodies}`)
  }
  const verdict = { outcome: tagOf(first), kept: { blob: blob.bytes, tar: first.archive } }
  return problems.length === 0 ? verdict : { ...verdict, broken: problems.join("; ") }
}
