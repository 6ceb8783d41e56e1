/** One image, asked for by two rules at once: who accepts it gets it, who refuses it does not, and neither hears of the other. */
import { describe, expect, test } from "vitest"
import type { SignatureRules } from "../../src/api/signatures.ts"
import { signingKey, type TestRegistry } from "../../src/testing/index.ts"
import { open, temporaryRoot } from "../support/open.ts"
import { reasonOf } from "../support/rejection.ts"
import { heldBy, layer, signal, signed, tag } from "./atOnce.ts"
import { anyOf, index, namesIn, platform } from "./support.ts"
import { ways } from "./ways.ts"

const key = signingKey()
const stranger = signingKey()
/** Signatures are sent once both have asked for them. */
const together = (registry: TestRegistry) => {
  const both = signal()
  let asked = 0
  registry.fault(
    { kind: "manifest", reference: tag },
    heldBy(both.promise, () => {
      asked += 1
      if (asked === 2) both.resolve()
    })
  )
}

const refusal = { _tag: "SignatureRejected", digest: index.digest }

describe.each(Object.entries(ways))("%s", (_, way) => {
  test("of two clients of a store, by two rules at once, gives to the one and not to the other", async () => {
    await using registry = await signed(key)
    await using home = await temporaryRoot()
    await using lenient = await open({ root: home.root, verify: anyOf(registry, { key: key.publicKey }) })
    await using strict = await open({ root: home.root, verify: anyOf(registry, { key: stranger.publicKey }) })
    const reference = registry.reference("app:1")
    together(registry)
    const [reason] = await Promise.all([reasonOf(way(strict, reference)), way(lenient, reference)])
    expect(reason).toMatchObject(refusal)
    expect(await namesIn(home.root, "partial")).toEqual([])
  })

  test("of one client, by the rules of two repositories at once, gives of the one and not of the other", async () => {
    await using registry = await signed(key)
    const verify: SignatureRules = {
      rules: [
        { scope: `${registry.host}/app`, any: [{ key: key.publicKey }] },
        { scope: `${registry.host}/other`, any: [{ key: stranger.publicKey }] }
      ]
    }
    await using oci = await open({ verify })
    together(registry)
    const [reason] = await Promise.all([
      reasonOf(way(oci, registry.reference("other:1"))),
      way(oci, registry.reference("app:1"))
    ])
    expect(reason).toMatchObject(refusal)
  })
})

describe("a pull", () => {
  test("that is accepted lends nothing to a rule that refuses, in the midst of a layer and afterwards", async () => {
    await using registry = await signed(key)
    await using home = await temporaryRoot()
    await using lenient = await open({ root: home.root, verify: anyOf(registry, { key: key.publicKey }) })
    await using strict = await open({ root: home.root, verify: anyOf(registry, { key: stranger.publicKey }) })
    const reference = registry.reference("app:1")
    const [asked, go] = [signal(), signal()]
    registry.fault({ kind: "blob", reference: layer }, heldBy(go.promise, asked.resolve))
    const pulling = lenient.pull(reference, { platform })
    await asked.promise
    for (const [name, way] of Object.entries(ways))
      expect(await reasonOf(way(strict, reference)), name).toMatchObject(refusal)
    go.resolve()
    expect((await pulling).verified).toHaveLength(1)
    for (const [name, way] of Object.entries(ways))
      expect(await reasonOf(way(strict, reference)), name).toMatchObject(refusal)
    expect(await lenient.pull(reference, { platform })).toMatchObject({ cached: true })
  })

  test("that is refused takes nothing from one that was accepted meanwhile", async () => {
    await using registry = await signed(key)
    await using home = await temporaryRoot()
    await using lenient = await open({ root: home.root, verify: anyOf(registry, { key: key.publicKey }) })
    await using strict = await open({ root: home.root, verify: anyOf(registry, { key: stranger.publicKey }) })
    const reference = registry.reference("app:1")
    const [asked, go] = [signal(), signal()]
    registry.fault({ kind: "manifest", reference: tag, times: 1 }, heldBy(go.promise, asked.resolve))
    const refused = reasonOf(strict.pull(reference, { platform }))
    await asked.promise
    const { layers } = await lenient.pull(reference, { platform })
    go.resolve()
    expect(await refused).toMatchObject(refusal)
    expect(await lenient.layers()).toHaveLength(layers.length)
    expect(await lenient.verify()).toMatchObject({ faults: [] })
    expect(await namesIn(home.root, "signatures")).toHaveLength(1)
    expect(await lenient.pull(reference, { platform, policy: "never" })).toMatchObject({
      verified: [{ digest: index.digest }]
    })
  })
})
