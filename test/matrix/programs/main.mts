import { rm } from "node:fs/promises"
import { type Client, type Entry, open, PullError, type PullEvent, type PulledImage, reasons } from "ociflow"
import { image, startRegistry } from "ociflow/testing"
// @ts-expect-error: it has no types.
import { pulls } from "./pulls.mjs"

const told: Array<PullEvent["_tag"]> = []

const pull = async (client: Client): Promise<PulledImage> => {
  const registry = await startRegistry({ images: { "a/b:1": await image() } })
  try {
    return await client.pull(registry.reference("a/b:1"), { onEvent: ({ _tag }) => told.push(_tag) })
  } catch (error) {
    if (error instanceof PullError && error.reason instanceof reasons.ManifestNotFound) console.error(error.message)
    throw error
  } finally {
    await registry.close()
  }
}

const client = await open({ root: "images", limits: { layers: 10, depth: undefined }, proxy: false })
const { layers } = await pull(client)
const paths: Array<Entry["path"]> = []
await client.images().then((images) => images.map(({ reference }) => paths.push(reference)))
await client.close()
await rm("images", { recursive: true })
if (layers.length === 0 || told.at(-1) !== "Pulled") throw new Error("nothing was pulled")
await pulls({ open, PullError })
