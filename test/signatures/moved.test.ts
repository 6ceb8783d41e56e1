/** An image that is copied to another repository with its signatures: what is trusted there, as docs/signatures.md says. */
import { describe, expect, test } from "vitest"
import { sign, signingKey, startRegistry } from "../../src/testing/index.ts"
import { open } from "../support/open.ts"
import { reasonOf } from "../support/rejection.ts"
import { anyOf, index, layersAsked, platform, put } from "./support.ts"

const key = signingKey()

const copied = async (as: "tag" | "bundle" | "message") => {
  const registry = await startRegistry({ images: { "app:1": index, "copy:1": index } })
  const signature = await sign(index, { key, as, reference: `${registry.host}/app` })
  put(registry, "app", signature)
  put(registry, "copy", signature)
  return registry
}

describe.each(["tag", "bundle", "message"] as const)("a signature as %s", (as) => {
  test("without `signedIdentity` is accepted there: it is the same image, by the same signer", async () => {
    await using registry = await copied(as)
    await using oci = await open({ verify: anyOf(registry, { key: key.publicKey }) })
    for (const name of ["app:1", "copy:1"])
      expect((await oci.pull(registry.reference(name), { platform })).verified).toHaveLength(1)
  })

  test.each([
    ["matchRepository", () => ({ type: "matchRepository" }) as const, false],
    ["exactRepository", (host: string) => ({ type: "exactRepository", dockerRepository: `${host}/app` }) as const, true]
  ])("with `signedIdentity` (%s) counts by the repository that it names", async (_, identityIn, isCopyAccepted) => {
    await using registry = await copied(as)
    const requirement = { key: key.publicKey, signedIdentity: identityIn(registry.host) }
    for (const [name, isNamed] of [
      ["copy:1", isCopyAccepted],
      ["app:1", true]
    ] as const) {
      await using oci = await open({ verify: anyOf(registry, requirement) })
      const pulling = oci.pull(registry.reference(name), { platform })
      // A bundle names no repository.
      if (as === "tag" && isNamed) expect((await pulling).verified).toHaveLength(1)
      else {
        expect(await reasonOf(pulling)).toMatchObject({ _tag: "SignatureRejected" })
        expect(layersAsked(registry, index)).toBe(0)
      }
    }
  })
})
