/** Numbers that a document tells and nobody has seen: sizes, counts, lengths. */
import { Prng, tar } from "../../../src/testing/index.ts"
import type { HostileCase } from "../HostileCase.ts"
import { answersOf, digestOf, type RawImage, serveAnswers } from "../rawImage.ts"

const archive = tar().file("file", new Prng("sizes").bytes(1000)).ended().bytes()
const serve = (image: RawImage, times?: number) => () => serveAnswers(answersOf(image), times)

const sized = (size: number): RawImage => ({
  layers: [archive],
  descriptors: (layers) => layers.map((layer) => ({ ...layer, size }))
})

const MiB = 2 ** 20
const text = (bytes: number, piece: string) => piece.repeat(Math.floor(bytes / piece.length))
/** JSON of some 4 MiB, the most that a document may have, out of one element again and again. */
const full = (element: string): unknown[] => JSON.parse(`[${text(4 * MiB - 2000, `${element},`)}${element}]`)

const entry = (at: number) => ({
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  digest: digestOf(Buffer.from(String(at))),
  size: 1
})

const labels = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`label ${at}`, ""]))

export const cases: ReadonlyArray<HostileCase> = [
  { name: "a client that lists its images, for comparison", action: "images", serve: serve({ layers: [archive] }) },
  { name: "an honest image of one small layer, for comparison", serve: serve({ layers: [archive] }) },
  ...[1, 4, 16].map((ranges) => ({
    name: `a layer of 10^15 bytes by its manifest, ${ranges} at once`,
    serve: serve(sized(1e15)),
    options: { ranges }
  })),
  { name: "a layer of 500 GB by its manifest, 16 at once", serve: serve(sized(5e11)), options: { ranges: 16 } },
  {
    name: "a config with a history of a million empty steps",
    serve: serve({ layers: [archive], config: { history: full("{}") } })
  },
  {
    name: "a config with a million empty variables",
    serve: serve({ layers: [archive], config: { config: { Env: full('""') } } })
  },
  {
    name: "an annotation list of 400 000 numbers",
    serve: serve({ layers: [archive], manifest: { extra: full("[[1,2]]") } })
  },
  {
    name: "a config with 32 000 labels",
    serve: serve({ layers: [archive], config: { config: { Labels: labels(32_000) } } })
  },
  {
    name: "a config with 190 000 labels",
    serve: serve({ layers: [archive], config: { config: { Labels: labels(190_000) } } })
  },
  ...[4096, 30_000].map((entries) => ({
    name: `an index of ${entries} entries for other platforms`,
    serve: serve({
      layers: [archive],
      manifest: {
        mediaType: "application/vnd.oci.image.index.v1+json",
        config: undefined,
        layers: undefined,
        manifests: Array.from({ length: entries }, (_, at) => entry(at))
      },
      send: { manifest: { type: "application/vnd.oci.image.index.v1+json" } }
    })
  }))
]
