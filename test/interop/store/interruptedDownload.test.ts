/** A registry that cuts every body after a random number of bytes: the pull completes, and each byte is fetched once. */
import { expect, test } from "vitest"
import { fault, image, Prng, startRegistry } from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"
import { countOf, randomOf, seedOf } from "../support/pulling.ts"

const cuts = countOf("CUTS", 100)

test(`${cuts} cuts in one pull`, async () => {
  const random = randomOf(seedOf("cuts"))
  const size = 40_000_000
  const noise = new Prng("cuts").bytes(size)
  const made = await image({ layers: [{ files: { "noise.bin": noise } }] })
  const digest = made.manifests[0]?.layers[0]?.digest ?? ""
  await using registry = await startRegistry({ images: { "app:1": made } })
  // Each piece is one of `cuts` + 1 on average, and never so long that there would be fewer cuts.
  for (let nth = 1; nth <= cuts; nth++) {
    const after = 1 + Math.floor((random() * 2 * size) / (2 * cuts + 2))
    registry.fault({ kind: "blob", reference: digest, nth, times: 1 }, fault.cut(after))
  }
  await using oci = await open()
  const retries: Array<string> = []
  const pulled = await oci.pull(registry.reference("app:1"), {
    onEvent: (event) => event._tag === "Retrying" && retries.push(event.reason)
  })
  expect(pulled.layers).toHaveLength(1)
  expect(registry.log.count({ reference: digest, state: "cut" })).toBe(cuts)
  expect(retries).toHaveLength(cuts)
  expect(registry.log.repeated(digest)).toBe(0)
})
