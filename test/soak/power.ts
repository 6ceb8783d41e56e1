/**
 * Power cuts. A store lies on a file system in a file; processes pull, remove and prune there. At random moments they are
 * stopped, the file is copied as it is, and the copy is mounted: that is the disk after a power cut. What holds then:
 *
 *     - the catalogue is sound, and has every image whose pull had succeeded
 *     - `power`: each tree that an image names is whole, and so is each blob that a layout names
 *     - `crash`: each tree that is not whole is found by `verify`
 *     - a pull of everything and `verify` with `repair` end with whole trees; a prune leaves nothing over
 *
 * `npm run soak:power`. Needs root, loop devices and e2fsprogs. CUTS (25, for each durability), SEED, PROCESSES (2).
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as wait } from "node:timers/promises"
import { open } from "../../src/client.ts"
import { image, Prng, startRegistry } from "../../src/testing/index.ts"
import { countOf, integrity, leftovers, randomOf, seedOf, sqlite, trees } from "../interop/support/pulling.ts"

type Durability = "crash" | "power"
type Layout = "layers" | "rootfs" | "erofs"

interface Step {
  readonly step: "pull" | "remove" | "prune"
  readonly reference: string
  readonly done: boolean
  readonly failed?: string
  readonly message?: string
}

const cuts = countOf("CUTS", 25)
const processes = countOf("PROCESSES", 2)
const seed = seedOf("soak:power")
const random = randomOf(seed)
const scratch = mkdtempSync(join(process.env["SCRATCH"] ?? tmpdir(), "ociflow-power-"))
const run = (command: string, ...args: ReadonlyArray<string>) =>
  execFileSync(command, args, { encoding: "utf8" }).trim()

let violations = 0
const violated = (cut: string, what: string) => {
  violations += 1
  console.error(`${cut}: ${what}\n  again: SEED=${seed} CUTS=${cuts} PROCESSES=${processes} npm run soak:power`)
}

/** Images that share layers with each other; those of one process are no other's. */
const imagesOf = async (process: number) => {
  // No directories: what no archive says of one, its time, would differ.
  const files = (name: string, size: number) => ({
    files: {
      [`${name}-large`]: new Prng(name).bytes(size),
      [`${name}-text`]: name,
      [`${name}-empty`]: ""
    }
  })
  const named = Array.from({ length: 6 }, async (_, at) => {
    const layers = [
      files("base", 400_000),
      ...(at % 2 === 0 ? [files("pair", 60_000)] : []),
      files(`own-${process}-${at}`, 20_000 + 150_000 * (at % 3))
    ]
    return [`p${process}i${at}:1`, await image({ layers })] as const
  })
  return Promise.all(named)
}

interface Puller {
  readonly child: ChildProcess
  /** References whose pull has succeeded, with nothing begun since. */
  readonly certain: Set<string>
}

const startPuller = (argument: unknown): Puller => {
  const program = join(import.meta.dirname, "programs/pullAndRemove.mjs")
  const child = spawn(process.execPath, [program, JSON.stringify(argument)], { stdio: ["ignore", "pipe", "inherit"] })
  const certain = new Set<string>()
  if (child.stdout === null) throw new Error("no standard output")
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { step, reference, done, failed, message }: Step = JSON.parse(line)
    if (failed !== undefined && failed !== "NotCached")
      violated("while it ran", `${step} ${reference}: ${failed}: ${message}`)
    // A prune takes no image away without being told to.
    if (step === "pull" && done) certain.add(reference)
    else if (step !== "prune") certain.delete(reference)
  })
  return { child, certain }
}

const loopOf = (mount: string) => run("findmnt", "--noheadings", "--output", "SOURCE", mount).replace("/dev/", "")
const writesOf = (loop: string) => readFileSync(`/sys/block/${loop}/stat`, "utf8").trim().split(/\s+/)[4]

/** As it is at one moment: copied again where something was written meanwhile. */
const copyDisk = async (loop: string, from: string, to: string) => {
  for (;;) {
    const before = writesOf(loop)
    await wait(20)
    if (writesOf(loop) !== before) continue
    run("cp", "--sparse=always", from, to)
    if (writesOf(loop) === before) return
  }
}

const namedTrees = (root: string, layout: Layout): ReadonlyArray<string> =>
  sqlite(
    root,
    layout !== "layers"
      ? `SELECT DISTINCT digest || '${layout === "erofs" ? ".erofs" : ""}.rootfs' AS name FROM manifests`
      : `SELECT DISTINCT ifnull(ml.tree, l.digest) || '.extracted' AS name FROM layers l JOIN manifest_layers ml ON ml.layer_id = l.id`
  ).map(({ name }) => String(name))

/** Blobs that the layout's index leads to and that are not what their names say. */
const brokenBlobs = (layout: string): ReadonlyArray<string> => {
  const path = (digest: string) => join(layout, "blobs", ...digest.split(":"))
  const text = (() => {
    try {
      return readFileSync(join(layout, "index.json"), "utf8")
    } catch {
      return `{"manifests":[]}`
    }
  })()
  const manifests: ReadonlyArray<{ digest: string }> = JSON.parse(text).manifests
  return manifests.flatMap(({ digest }) => {
    const { config, layers } = JSON.parse(readFileSync(path(digest), "utf8"))
    return [{ digest }, config, ...layers].flatMap((it: { digest: string }) => {
      const hash = createHash("sha256")
        .update(readFileSync(path(it.digest)))
        .digest("hex")
      return it.digest === `sha256:${hash}` ? [] : [it.digest]
    })
  })
}

const cutsOf = async (durability: Durability, layout: Layout, count: number) => {
  const named = await Promise.all(Array.from({ length: processes }, (_, at) => imagesOf(at)))
  await using registry = await startRegistry({ images: Object.fromEntries(named.flat()) })
  const references = named.map((images) => images.map(([name]) => registry.reference(name)))
  const all = references.flat()

  // What every tree is to be like.
  const calm = join(scratch, `calm-${durability}-${layout}`)
  await using client = await open({ root: calm, layout, credentials: {} })
  for (const reference of all) await client.pull(reference)
  const whole = new Map(trees(calm).map((line) => [line.slice(0, line.indexOf(" ")), line]))

  const at = (name: string) => join(scratch, `${durability}-${layout}-${name}`)
  const [disk, copy, mount, after] = [at("disk"), at("copy"), at("mount"), at("after")]
  for (const directory of [mount, after]) mkdirSync(directory)
  run("truncate", "--size=384M", disk)
  run("mkfs.ext4", "-q", "-F", "-O", "^metadata_csum_seed", disk)
  run("mount", "-o", "loop", disk, mount)
  let pullers: ReadonlyArray<Puller> = []
  try {
    const loop = loopOf(mount)
    const options = { durability, layout, retry: { base: 10, cap: 50 }, keepBlobs: join(mount, "kept") }
    pullers = references.map((mine, at) =>
      startPuller({ root: join(mount, "store"), references: mine, options, seed: seed + at })
    )
    for (let cut = 1; cut <= count; cut++) {
      const name = `${durability}, ${layout}, cut ${cut}`
      await wait(100 + random() * 1500)
      // Some time passes, now and then, in which the kernel writes what it has.
      if (random() < 0.2) run("sync", "--file-system", mount)
      for (const { child } of pullers) child.kill("SIGSTOP")
      await wait(10)
      const certain = pullers.flatMap((it) => [...it.certain])
      await copyDisk(loop, disk, copy)
      for (const { child } of pullers) child.kill("SIGCONT")
      run("mount", "-o", "loop", copy, after)
      try {
        await look(name, { root: join(after, "store"), kept: join(after, "kept") }, certain)
      } finally {
        run("umount", after)
      }
    }
  } finally {
    for (const { child } of pullers) {
      const closed = once(child, "close")
      child.kill("SIGKILL")
      await closed
    }
    run("umount", mount)
  }

  async function look(cut: string, { root, kept }: { root: string; kept: string }, certain: ReadonlyArray<string>) {
    const differing = () => {
      const found = new Map(trees(root).map((line) => [line.slice(0, line.indexOf(" ")), line]))
      return namedTrees(root, layout).filter((name) => found.get(name) !== whole.get(name))
    }
    const hasCatalogue = readdirSync(after).includes("store") && readdirSync(root).includes("oci.db")
    const known = new Set(
      hasCatalogue ? sqlite(root, "SELECT reference FROM images").map(({ reference }) => reference) : []
    )
    for (const reference of certain)
      if (!known.has(reference)) violated(cut, `${reference} was pulled and is not there`)
    if (hasCatalogue && integrity(root) !== "ok") violated(cut, "the catalogue is not sound")
    if (hasCatalogue && sqlite(root, "PRAGMA foreign_key_check").length > 0) violated(cut, "a row names none")
    const broken = hasCatalogue ? differing() : []
    if (durability === "power") {
      for (const name of broken) violated(cut, `${name} is not whole`)
      for (const digest of brokenBlobs(kept)) violated(cut, `the kept blob ${digest} is not whole`)
    }
    await using oci = await open({ root, layout, durability, keepBlobs: kept, credentials: {} })
    try {
      const { faults } = await oci.verify()
      for (const name of broken)
        if (!faults.some(({ digest }) => name.startsWith(digest))) violated(cut, `${name} is not whole, and not found`)
      const repaired = await oci.verify({ repair: true })
      for (const { digest, problem } of repaired.faults) violated(cut, `not repaired: ${digest}: ${problem}`)
      for (const reference of all) await oci.pull(reference, { policy: "always" })
      // With `crash`, a layer that no image named yet is short perhaps, and found only now.
      if (durability === "crash") await oci.verify({ repair: true })
      await oci.prune()
    } catch (error) {
      violated(cut, error instanceof Error ? error.message : String(error))
    }
    for (const name of differing()) violated(cut, `${name} is not whole after a repair and a pull`)
    for (const digest of brokenBlobs(kept)) violated(cut, `the kept blob ${digest} is not whole after a pull`)
    for (const name of leftovers(root).filter((it) => !it.includes(".lock"))) {
      // This client's own staging area goes when it closes.
      if (!/^[\da-f-]{36}$/.test(name)) violated(cut, `${name} is left over`)
    }
    console.log(`${cut}: ${known.size} images, ${broken.length} broken trees`)
  }
}

try {
  for (const durability of ["crash", "power"] as const) {
    const merged = Math.floor(cuts * 0.25)
    await cutsOf(durability, "layers", cuts - 2 * merged)
    await cutsOf(durability, "rootfs", merged)
    await cutsOf(durability, "erofs", merged)
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
console.log(`${2 * cuts} power cuts, ${violations} broken laws`)
process.exitCode = violations === 0 ? 0 : 1
