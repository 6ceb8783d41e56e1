/** Whatever a layer holds, a pull by its table makes the tree that a whole pull makes. */
import fc from "fast-check"
import { expect, test } from "vitest"
import type { PullEvent } from "../../../src/api/events.ts"
import {
  image,
  Prng,
  type RandomEntry,
  randomImage,
  startRegistry,
  tableLayer,
  tar
} from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"
import { runs } from "../../support/runs.ts"
import { forms, treeOf, warningsOf } from "./versions.ts"

const second = 1_000_000_000n

const archiveOf = (entries: ReadonlyArray<RandomEntry>, isStargz: boolean) => {
  // So that no layer is too small for a table.
  const made = tar("pax").file("base.bin", new Prng("base").bytes(90_000))
  for (const { type, path, body, target = "", device: [major, minor] = [0, 0], ...options } of entries) {
    const at = path.lastIndexOf("/") + 1
    const mtime = isStargz ? (options.mtime / second) * second : options.mtime
    const all = { ...options, mtime }
    if (type === "directory") made.directory(path, all)
    else if (type === "symlink") made.symlink(path, target, all)
    else if (type === "hardLink") made.hardLink(path, target, all)
    else if (type === "fifo") made.fifo(path, all)
    else if (type === "characterDevice") made.characterDevice(path, major, minor, all)
    else if (type === "blockDevice") made.blockDevice(path, major, minor, all)
    else if (type === "whiteout") made.file(`${path.slice(0, at)}.wh.${path.slice(at)}`, "", all)
    else if (type === "opaque") made.file(`${path}/.wh..wh..opq`, "", all)
    else made.file(path, body, all)
  }
  return made
}

/** Of the next version some bodies are others. */
const changed = (entries: ReadonlyArray<RandomEntry>, prng: Prng): ReadonlyArray<RandomEntry> =>
  entries.map((entry) => {
    const isOther = entry.type === "file" && prng.chance(0.2)
    return isOther ? { ...entry, body: prng.bytes(prng.below(30_000)) } : entry
  })

test.each(forms)(
  "%s",
  async (form) => {
    await using registry = await startRegistry()
    await using oci = await open()
    await using plain = await open()
    const isStargz = form === "estargz"
    await fc.assert(
      fc.asyncProperty(fc.nat(1_000_000), fc.integer({ min: 100, max: 70_000 }), async (seed, chunkSize) => {
        const { entries } = await randomImage(`${form} ${seed}`, { layers: 2, nodes: true })
        const [, before = []] = entries
        const versions = [before, changed(before, new Prng(seed))]
        for (const [version, listed] of versions.entries()) {
          const layer = await tableLayer(archiveOf(listed, isStargz), { form, chunkSize })
          registry.add(`r${seed}:${version}`, await image({ layers: [layer] }))
          const events: Array<PullEvent> = []
          const onEvent = (event: PullEvent) => events.push(event)
          const reference = registry.reference(`r${seed}:${version}`)
          const pulled = await oci.pull(reference, { partial: true, onEvent })
          const whole = await plain.pull(reference)
          expect(warningsOf(events).filter((code) => code === "NotPartial")).toEqual([])
          expect(treeOf(pulled.layers[0]?.path ?? "")).toEqual(treeOf(whole.layers[0]?.path ?? ""))
        }
      }),
      { numRuns: runs(3) }
    )
    expect((await oci.verify()).byTable?.length).toBeGreaterThan(0)
  },
  600_000
)
