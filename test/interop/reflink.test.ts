/** Partial pulls on file systems whose files can share blocks, and on one whose cannot. Needs root: it mounts. */
import { appendFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import type { PullEvent, PulledImage } from "../../src/api/events.ts"
import { image, startRegistry, tableLayer } from "../../src/testing/index.ts"
import { archiveOf, contentsOf, sentBytes, treeOf, warningsOf } from "../pull/partial/versions.ts"
import { open } from "../support/open.ts"
import { type fileSystems, mountFileSystem } from "./support/disk.ts"
import { directoryOfTest, run } from "./support/oracle.ts"

/** Files from 70 000 bytes on, which are cloned, and some small ones, which are not. */
const versionOf = async (changed: ReadonlyArray<number>) =>
  image({ layers: [await tableLayer(archiveOf(new Set(changed), 20, 70_000))] })

const pathOf = ({ layers: [layer] }: PulledImage, ...names: ReadonlyArray<string>) => join(layer?.path ?? "", ...names)

/** Whether another file has the same blocks. */
const isShared = (path: string): boolean => /\bshared\b/.test(run("filefrag", "-s", "-v", path))

const inflatedOf = (events: ReadonlyArray<PullEvent>) =>
  events.flatMap((event) => (event._tag === "LayerDone" ? [event.inflated] : []))

const start = async (type: keyof typeof fileSystems) => {
  const root = join(await directoryOfTest(), "disk")
  mountFileSystem(root, type)
  const images = { "app:1": await versionOf([]), "app:2": await versionOf([3, 17]) }
  const registry = await startRegistry({ images })
  const layer = images["app:2"].manifests[0]?.layers[0]
  if (layer === undefined) throw new Error("an image without layers")
  return { root, registry, layer, reference: (version: number) => registry.reference(`app:${version}`) }
}

describe.each(["xfs", "btrfs"] as const)("on %s", (type) => {
  test("large files of the store share their blocks with the new tree, which is that of a whole pull", async () => {
    const { root, registry, reference } = await start(type)
    await using _ = registry
    await using oci = await open({ root: join(root, "store") })
    await using plain = await open({ root: join(root, "whole") })
    const first = await oci.pull(reference(1), { partial: true })
    const before = treeOf(pathOf(first))
    const events: Array<PullEvent> = []
    const second = await oci.pull(reference(2), { partial: true, onEvent: (event) => events.push(event) })
    const wholes: Array<PullEvent> = []
    const whole = await plain.pull(reference(2), { onEvent: (event) => wholes.push(event) })
    expect(warningsOf(events)).toEqual([])
    expect(treeOf(pathOf(second))).toEqual(treeOf(pathOf(whole)))
    expect(inflatedOf(events)).toEqual(inflatedOf(wholes))
    expect(inflatedOf(events)).toEqual([expect.any(Number)])
    const shared = ["usr/lib/f1", "usr/lib/f3", "usr/lib/f5", "usr/x"].map((name) => isShared(pathOf(second, name)))
    expect(shared).toEqual([true, false, true, false])
    expect((await oci.verify()).faults).toEqual([])
    // They are files of their own.
    writeFileSync(pathOf(second, "usr/lib/f1"), "changed")
    appendFileSync(pathOf(second, "usr/lib/f5"), "changed")
    expect(treeOf(pathOf(first))).toEqual(before)
  })

  test("a stored file that was changed is fetched", async () => {
    const { root, registry, layer, reference } = await start(type)
    await using _ = registry
    await using oci = await open({ root: join(root, "store") })
    await using plain = await open({ root: join(root, "whole") })
    const first = await oci.pull(reference(1), { partial: true })
    const path = pathOf(first, "usr/lib/f7")
    const content = contentsOf(path)
    writeFileSync(path, `${content[0] === "a" ? "b" : "a"}${content.slice(1)}`, "latin1")
    registry.log.clear()
    const second = await oci.pull(reference(2), { partial: true })
    expect(sentBytes(registry, layer.digest)).toBeLessThan(layer.size / 2)
    const whole = await plain.pull(reference(2))
    expect(treeOf(pathOf(second))).toEqual(treeOf(pathOf(whole)))
    expect(["f1", "f7"].map((name) => isShared(pathOf(second, "usr/lib", name)))).toEqual([true, false])
  })
})

test("on ext4, they are copied", async () => {
  const { root, registry, layer, reference } = await start("ext4")
  await using _ = registry
  await using oci = await open({ root: join(root, "store") })
  await using plain = await open({ root: join(root, "whole") })
  await oci.pull(reference(1), { partial: true })
  registry.log.clear()
  const second = await oci.pull(reference(2), { partial: true })
  expect(sentBytes(registry, layer.digest)).toBeLessThan(layer.size / 4)
  const whole = await plain.pull(reference(2))
  expect(treeOf(pathOf(second))).toEqual(treeOf(pathOf(whole)))
  expect(isShared(pathOf(second, "usr/lib/f1"))).toBe(false)
})
