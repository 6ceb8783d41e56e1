/** `verify` looks at what the trees hold: what was changed is found, named and made anew. */
import {
  appendFile,
  chmod,
  lstat,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile
} from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import type { LayoutName, PullerOptions } from "../../../src/api/config.ts"
import type { PullEvent } from "../../../src/api/events.ts"
import { image, startRegistry, tar } from "../../../src/testing/index.ts"
import { open, type TestClient } from "../../support/open.ts"

const isRoot = process.geteuid?.() === 0
const sound = { faults: [], repaired: [], unknown: [] }
const lower = tar().file("etc/a", "alpha", { mtime: 1_600_000_000 }).symlink("link", "etc/a").file("b/empty", "")
const upper = { files: { c: "gamma" } }
const changed = "the tree was changed since it was extracted"

const served = async () => {
  const registry = await startRegistry({ images: { "app:1": await image({ layers: [lower, upper] }) } })
  return { registry, reference: registry.reference("app:1"), [Symbol.asyncDispose]: () => registry.close() }
}

const pulled = async (oci: TestClient, reference: string) => {
  const { layers, manifestDigest, rootfs } = await oci.pull(reference)
  const [first] = layers
  if (first === undefined) return expect.unreachable("it has layers")
  return { path: first.path, digest: rootfs === undefined ? first.digest : manifestDigest }
}

const changes: Readonly<Record<string, (tree: string) => Promise<unknown>>> = {
  "a missing file": (tree) => rm(join(tree, "b/empty")),
  "an added file": (tree) => writeFile(join(tree, "etc/more"), ""),
  "a truncated file": (tree) => truncate(join(tree, "etc/a"), 2),
  "other bytes of the same length": (tree) => writeFile(join(tree, "etc/a"), "ALPHA"),
  "another time": (tree) => utimes(join(tree, "etc/a"), 1, 1),
  "another target": (tree) => rm(join(tree, "link")).then(() => symlink("etc/passwd", join(tree, "link"))),
  "a directory that cannot be found any more": (tree) => rename(join(tree, "etc"), join(tree, "etc.bak"))
}

describe.each<LayoutName>(["layers", "rootfs", ...(isRoot ? (["overlay"] as const) : [])])(
  "in the layout %s",
  (layout) => {
    test("each change is found and repaired, and of what nobody changed all is sound", {
      timeout: 60_000
    }, async () => {
      await using served_ = await served()
      const { registry, reference } = served_
      await using oci = await open({ layout })
      const { path, digest } = await pulled(oci, reference)
      expect(await oci.verify()).toEqual(sound)
      for (const [name, change] of Object.entries(changes)) {
        await change(path)
        const fault = { reference, platform: expect.any(String), digest, path, problem: changed }
        expect(await oci.verify(), name).toEqual({ ...sound, faults: [fault] })
        expect(await oci.verify({ repair: true }), name).toEqual({ ...sound, repaired: [fault] })
        expect(await readFile(join(path, "etc/a"), "utf8"), name).toBe("alpha")
        expect(await oci.verify(), name).toEqual(sound)
      }
      expect((await oci.images()).map((it) => it.reference)).toEqual([reference])
      // Nothing that was set aside is left, and of what was sound nothing was fetched again.
      const staged = await readdir(join(oci.root, "layers/.staging"), { recursive: true })
      expect(staged.filter((name) => name.includes("/"))).toEqual([])
      const count = (layer: string) => registry.log.count({ kind: "blob", reference: layer })
      const [first, second] = (await oci.pull(reference)).layers.map((it) => count(it.digest))
      expect(first).toBe(1 + Object.keys(changes).length)
      if (layout !== "rootfs") expect(second).toBe(1)
    })
  }
)

test.runIf(isRoot)("with ownership chown, a changed mode is found and repaired", async () => {
  await using served_ = await served()
  await using oci = await open({ ownership: "chown" })
  const { path, digest } = await pulled(oci, served_.reference)
  const { mode } = await lstat(join(path, "etc/a"))
  await chmod(join(path, "etc/a"), 0o777)
  expect(await oci.verify({ repair: true })).toMatchObject({ ...sound, repaired: [{ digest, path }] })
  expect((await lstat(join(path, "etc/a"))).mode).toBe(mode)
})

test("reading a tree is not a fault; changed bytes with the same size and time are not found", async () => {
  await using served_ = await served()
  await using oci = await open()
  const { path } = await pulled(oci, served_.reference)
  for (const name of ["etc/a", "link", "b/empty"]) await readFile(join(path, name))
  await utimes(join(path, "etc/a"), new Date(), 1_600_000_000)
  expect(await oci.verify()).toEqual(sound)
  await writeFile(join(path, "etc/a"), "ALPHA")
  await utimes(join(path, "etc/a"), 1_600_000_000, 1_600_000_000)
  expect(await oci.verify()).toEqual(sound)
})

test("a held tree is not repaired, with a warning, until it is released", async () => {
  await using served_ = await served()
  const { reference } = served_
  await using oci = await open()
  await using other = await open({ root: oci.root })
  const { path, digest } = await pulled(oci, reference)
  await appendFile(join(path, "etc/a"), "!")
  const events: Array<PullEvent> = []
  const repair = () => oci.verify({ repair: true, onEvent: (event) => events.push(event) })
  const held = await other.hold(reference)
  expect(await repair()).toMatchObject({ ...sound, faults: [{ digest, path, problem: changed }] })
  expect(events).toMatchObject([{ _tag: "Warning", code: "NotRepaired", message: expect.stringContaining(path) }])
  expect(await readFile(join(path, "etc/a"), "utf8")).toBe("alpha!")
  await held.release()
  expect(await repair()).toMatchObject({ ...sound, repaired: [{ digest }] })
  expect(await readFile(join(path, "etc/a"), "utf8")).toBe("alpha")
})

test("a changed tree that cannot be pulled again is put back and stays a fault", async () => {
  await using served_ = await served()
  await using oci = await open({ retry: { times: 0 } })
  const { path, digest } = await pulled(oci, served_.reference)
  await appendFile(join(path, "etc/a"), "!")
  await writeFile(`${path}.stat`, "beside")
  await served_.registry.close()
  expect(await oci.verify({ repair: true })).toMatchObject({ ...sound, faults: [{ digest, path, problem: changed }] })
  expect(await readFile(join(path, "etc/a"), "utf8")).toBe("alpha!")
  expect(await readFile(`${path}.stat`, "utf8")).toBe("beside")
  expect((await oci.images()).map((it) => it.reference)).toEqual([served_.reference])
})

test("two images that share a changed layer: one fault each, and one download", async () => {
  const shared = { files: { shared: "shared" } }
  const [a, b] = [await image({ layers: [shared] }), await image({ layers: [shared, upper] })]
  await using registry = await startRegistry({ images: { "a:1": a, "b:1": b } })
  await using oci = await open()
  const references = [registry.reference("a:1"), registry.reference("b:1")]
  for (const reference of references) await oci.pull(reference)
  const { path, digest } = await pulled(oci, registry.reference("a:1"))
  await appendFile(join(path, "shared"), "!")
  const { repaired, faults } = await oci.verify({ repair: true })
  expect(faults).toEqual([])
  expect(repaired.map((it) => it.reference)).toEqual(references)
  expect(registry.log.count({ kind: "blob", reference: digest })).toBe(2)
})

test("a tree of another making is judged by its own fingerprint, and left to clients with that layout", async () => {
  await using served_ = await served()
  const { reference } = served_
  await using plain = await open()
  const options: PullerOptions = { root: plain.root, ownership: "none" }
  await using bare = await open(options)
  await plain.pull(reference)
  const { path, digest } = await pulled(bare, reference)
  expect(await plain.verify()).toEqual(sound)
  await appendFile(join(path, "etc/a"), "!")
  const others = { ...sound, faults: [{ digest, path, variant: "none" }] }
  expect(await plain.verify({ repair: true })).toMatchObject(others)
  expect(await bare.verify({ repair: true })).toMatchObject({ ...sound, repaired: [{ digest, path }] })
})

test("trees without a fingerprint, or with one cut short, are not known: no fault, and said", async () => {
  await using served_ = await served()
  await using oci = await open()
  const { path, digest } = await pulled(oci, served_.reference)
  const prints = join(oci.root, "fingerprints")
  const names = await readdir(prints)
  expect(names).toHaveLength(2)
  const print = join(prints, `${digest}.extracted`)
  await truncate(print, 40)
  expect(await oci.verify()).toEqual({ ...sound, unknown: [{ digest, path }] })
  await rm(prints, { recursive: true })
  const seen = await oci.verify({ repair: true })
  expect(seen).toMatchObject({ faults: [], repaired: [] })
  expect(seen.unknown).toHaveLength(2)
  await oci.remove(served_.reference)
  await oci.pull(served_.reference)
  expect(await oci.verify()).toEqual(sound)
  await oci.remove(served_.reference)
  expect(await readdir(prints)).toEqual([])
})

test("a root that was moved keeps what it knows", async () => {
  await using served_ = await served()
  await using home = await open()
  const oci = await open({ root: join(home.root, "one") })
  await oci.pull(served_.reference)
  await oci.close()
  await rename(join(home.root, "one"), join(home.root, "two"))
  await using moved = await open({ root: join(home.root, "two") })
  expect(await moved.verify()).toEqual(sound)
})

test("an aborted verify rejects with the signal's reason, and the next one is complete", async () => {
  await using served_ = await served()
  await using oci = await open()
  const { path } = await pulled(oci, served_.reference)
  for (let i = 0; i < 3000; i++) await writeFile(join(path, `file-${i}`), "")
  const abort = new AbortController()
  const verifying = oci.verify({ signal: abort.signal })
  setImmediate(() => abort.abort("enough"))
  expect(await verifying.catch((error: unknown) => error)).toBe("enough")
  expect((await oci.verify()).faults).toMatchObject([{ path }])
})
