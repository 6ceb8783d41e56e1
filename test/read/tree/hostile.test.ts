/** Archives that are broken, or written to break a reader, are read as a tree without a hang or an error of no type. */
import { expect, test } from "vitest"
import { PullError } from "../../../src/api/errors.ts"
import type { Client } from "../../../src/client.ts"
import { image, malformedArchives, startRegistry } from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"

const paths = async (oci: Client, reference: string) => {
  const all: Array<string> = []
  for await (const { path } of oci.tree(reference)) all.push(path)
  return all
}

test("every malformed archive ends in a tree, or in a PullError", { timeout: 600_000 }, async () => {
  await using registry = await startRegistry()
  await using oci = await open()
  let refused = 0
  for (const [at, { name, bytes }] of malformedArchives().entries()) {
    registry.add(`bad:${at}`, await image({ layers: [bytes], compression: "none" }))
    const reference = registry.reference(`bad:${at}`)
    for (const call of [() => paths(oci, reference), () => oci.list(reference), () => oci.readFile(reference, "a/b")]) {
      const error = await call().then(
        () => undefined,
        (error: unknown) => error
      )
      if (error === undefined) continue
      refused += 1
      expect(error, name).toBeInstanceOf(PullError)
    }
  }
  expect(refused).toBeGreaterThan(20)
})
