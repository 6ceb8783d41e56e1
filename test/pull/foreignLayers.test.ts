/** Addresses of a foreign layer that serve wrong bytes of the right length. */
import { describe, expect, test } from "vitest"
import { fault, image, startRegistry } from "../../src/testing/index.ts"
import { open } from "../support/open.ts"

const layer = { files: { "etc/a": "a".repeat(1000) } }

const pulling = async (layout: "layers" | "rootfs" | "erofs", ...lies: ReadonlyArray<boolean>) => {
  const plain = await image({ layers: [layer] })
  const digest = plain.manifests[0]?.layers[0]?.digest ?? ""
  const servers = await Promise.all(lies.map(() => startRegistry({ images: { "app:1": plain } })))
  for (const [at, lying] of lies.entries()) if (lying) servers[at]?.fault({ reference: digest }, fault.otherByte(20))
  const urls = servers.map(({ host }) => `http://${host}/v2/app/blobs/${digest}`)
  await using registry = await startRegistry({ images: { "app:1": await image({ layers: [{ ...layer, urls }] }) } })
  registry.fault({ reference: digest }, fault.status(404))
  await using oci = await open({ layout })
  const pull = () =>
    oci.pull(registry.reference("app:1")).then(
      () => "pulled",
      ({ reason }) => reason._tag
    )
  const asked = () => servers.map(({ log }) => log.where({ reference: digest }).length)
  const [ends, first, again, all] = [await pull(), asked(), await pull(), asked()]
  for (const server of servers) await server.close()
  return { ends, asked: first, again, askedAgain: all }
}

describe.each(["layers", "rootfs", "erofs"] as const)(
  "a foreign layer whose first address serves wrong bytes, in the layout %s",
  (layout) => {
    test("is fetched anew from the next one", async () => {
      expect(await pulling(layout, true, false)).toMatchObject({ ends: "pulled", asked: [1, 1] })
    })

    test("and whose second does, too, is refused, and the next pull asks the third", async () => {
      expect(await pulling(layout, true, true, false)).toMatchObject({
        ends: "DigestMismatch",
        asked: [1, 1, 0],
        again: "pulled",
        askedAgain: [1, 1, 1]
      })
    })

    test("and has no other, is refused, and asked no second time", async () => {
      expect(await pulling(layout, true)).toMatchObject({ ends: "DigestMismatch", asked: [1] })
    })
  }
)
