/**
 * Draws `docs/pull.svg`: a real pull from the registry of `ociflow/testing`, at the moment that shows the most.
 *
 *     npm run build && npx tsx docs/picture.ts
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { open } from "ociflow"
import { fault, image, Prng, startRegistry, tar } from "ociflow/testing"
import { firstValueFrom, map, max } from "rxjs"
import { frame } from "../src/cli/progress/frame.ts"
import { isInPlace } from "../src/progress/advanceLayer.ts"
import { type PullView, progress } from "../src/progress/index.ts"
import { toSvg } from "./svg.ts"

const prng = new Prng("a picture")
const layer = (mebibytes: number, files: number) => {
  const archive = tar()
  for (let i = 0; i < files; i++) archive.file(`srv/${i}`, prng.bytes(Math.floor((mebibytes * 2 ** 20) / files)))
  return archive
}
const sizes = [[2.1, 120], [5.3, 900], [8.7, 2400], [6.2, 700], [9.4, 1800], [3.3, 40]] as const
const made = await image({ layers: sizes.map(([mebibytes, files]) => layer(mebibytes, files)), platform: "linux/amd64" })
const digests = made.manifests[0]?.layers.map(({ digest }) => digest) ?? []

await using registry = await startRegistry({ images: { "acme/web:3.1": made } })
/** MiB a second. */
const rates = [1, 30, 1.9, 1.6, 30, 1.6]
digests.forEach((reference, i) => registry.fault({ reference }, fault.slow({ bytesPerSecond: (rates[i] ?? 1) * 2 ** 20 })))
registry.fault({ reference: digests[3] ?? "", times: 1 }, fault.cut(4_000_000))

/** A moment tells most where layers are at different points of their way. */
const interest = ({ layers, fraction }: PullView): number => {
  const flowing = layers.filter(({ phase, received, size }) => phase === "downloading" && received > size / 5 && received < size)
  const retrying = layers.filter(({ retry, received, size }) => retry !== undefined && retry.at > Date.now() + 300 && received > size / 5)
  return Math.min(2, layers.filter(isInPlace).length) + 2 * flowing.length + 8 * retrying.length - Math.abs(fraction - 0.5)
}

const root = await mkdtemp(join(tmpdir(), "ociflow-picture-"))
await using oci = await open({ root, concurrency: 4, workers: 4 })
const picture = await firstValueFrom(
  oci.pull$(registry.reference("acme/web:3.1"), { platform: "linux/amd64" }).pipe(
    progress(),
    max((one, other) => interest(one) - interest(other)),
    map((view) => frame(view, { color: true, columns: 114, rows: 30, tick: 3, now: Date.now() }))
  )
)
await rm(root, { recursive: true })

// The port of a registry that is gone tells nobody anything.
const text = `$ ociflow pull ghcr.io/acme/web:3.1\n${picture.replaceAll(registry.host, "ghcr.io")}`
await writeFile(new URL("pull.svg", import.meta.url), toSvg(text, "ociflow", 114))
