/** Images that share a layer, pulled in several layouts into one store. */
import { describe, expect, test } from "vitest"
import { fault, image, startRegistry } from "../../src/testing/index.ts"
import { open } from "../support/open.ts"

const base = { files: { base: "1" } }

describe("a store in which another layout was used, too", () => {
  test("is as its catalogue says when the image of that layout is removed", async () => {
    await using registry = await startRegistry({
      images: {
        "a:1": await image({ layers: [base, { files: { a: "1" } }] }),
        "b:1": await image({ layers: [base, { files: { b: "1" } }] })
      }
    })
    await using overlay = await open({ layout: "overlay" })
    await using plain = await open({ root: overlay.root })
    await overlay.pull(registry.reference("a:1"))
    await plain.pull(registry.reference("b:1"))
    await plain.remove(registry.reference("a:1"))
    await plain.prune()
    for (const client of [plain, overlay])
      expect(await client.verify({ repair: true })).toEqual({ faults: [], repaired: [], unknown: [] })
    expect(await plain.layers()).toHaveLength(2)
  })

  test("is as its catalogue says while a pull in that layout runs, and after it is cancelled", async () => {
    await using registry = await startRegistry({
      images: { "a:1": await image({ layers: [base, { files: { a: "1" } }] }) }
    })
    const reference = registry.reference("a:1")
    await using plain = await open()
    await using overlay = await open({ root: plain.root, layout: "overlay" })
    const [first] = (await plain.pull(reference)).layers
    registry.fault({ kind: "blob", when: ({ reference }) => reference === first?.digest }, fault.stall(10))
    const stop = new AbortController()
    const done: Array<string> = []
    const pulling = overlay.pull(reference, {
      signal: stop.signal,
      onEvent: (event) => {
        if (event._tag === "LayerDone") done.push(event.digest)
      }
    })
    const ended = pulling.then(
      () => "pulled",
      () => "cancelled"
    )
    while (done.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    expect((await plain.verify()).faults).toEqual([])
    stop.abort()
    expect(await ended).toBe("cancelled")
    for (const client of [plain, overlay]) expect((await client.verify({ repair: true })).faults).toEqual([])
    expect((await plain.prune()).layers).toHaveLength(1)
    expect(await plain.layers()).toHaveLength(2)
  })
})
