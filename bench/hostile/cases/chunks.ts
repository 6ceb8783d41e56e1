/** Bodies in pieces of a byte, or with more around each piece than in it. */
import { Prng, tar } from "../../../src/testing/index.ts"
import type { HostileCase } from "../HostileCase.ts"
import { answersOf, type RawImage, serveAnswers } from "../rawImage.ts"

const MB = 1e6
const archive = (bytes: number) => tar().file("file", new Prng("chunks").bytes(bytes)).ended().bytes()
const serve = (image: RawImage, times?: number) => () => serveAnswers(answersOf(image), times)

const small = archive(1000)
/** White space, so that reading it costs nothing beside its bytes. */
const long = { extra: " ".repeat(4 * 2 ** 20 - 2000) }
const bytewise = { chunk: 1 }

export const cases: ReadonlyArray<HostileCase> = [
  {
    name: "an honest blob of 20 MB, for comparison",
    serve: serve({ layers: [archive(20 * MB)] })
  },
  {
    name: "an honest blob of 20 MB, 16 ranges at once, for comparison",
    serve: serve({ layers: [archive(20 * MB)] }),
    options: { ranges: 16 }
  },
  {
    name: "a manifest of 4 MiB, as a whole",
    serve: serve({ layers: [small], manifest: long })
  },
  {
    name: "a manifest of 4 MiB in chunks of a byte",
    serve: serve({ layers: [small], manifest: long, send: { manifest: bytewise } })
  },
  {
    name: "twelve manifests of 4 MiB in chunks of a byte at once",
    serve: serve({ layers: [small], manifest: long, send: { manifest: bytewise } }, 12)
  },
  {
    name: "a config of 4 MiB in chunks of a byte",
    serve: serve({ layers: [small], config: long, send: { config: bytewise } })
  },
  {
    name: "a blob of 20 MB in chunks of a byte",
    serve: serve({ layers: [archive(20 * MB)], send: { layer: bytewise } })
  },
  {
    name: "a blob of 20 MB in chunks of a byte, 16 ranges at once",
    serve: serve({ layers: [archive(20 * MB)], send: { layer: bytewise } }),
    options: { ranges: 16 }
  },
  {
    name: "a blob of 20 MB in chunks of 100 bytes, 16 ranges at once",
    serve: serve({ layers: [archive(20 * MB)], send: { layer: { chunk: 100 } } }),
    options: { ranges: 16 }
  },
  ...[4, 16, 32].map((kib) => ({
    name: `a blob of 20 MB in chunks of ${kib} KiB with an extension of ${64 - kib} KiB each, 16 ranges at once`,
    serve: serve({
      layers: [archive(20 * MB)],
      send: { layer: { chunk: kib * 1024, extension: `;x=${"y".repeat((64 - kib) * 1024 - 20)}` } }
    }),
    options: { ranges: 16 }
  }))
]
