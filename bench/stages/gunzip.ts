import { gunzipSync } from "node:zlib"
import { Gate } from "../../src/reactive/Gate.ts"
import type { Bench } from "../Bench.ts"
import { corpus, gzipped } from "../measure/corpus.ts"
import { inflated } from "../measure/layerStages.ts"
import { micro } from "../measure/micro.ts"
import { ofBytes, through } from "../measure/source.ts"

export const question =
  "How fast is gzip inflated, counted in bytes of archive, against zlib called once for all of it?"

const mediaType = "application/vnd.oci.image.layer.v1.tar+gzip"

export const run = async (bench: Bench) => {
  const { archive } = await corpus()
  const blob = await gzipped()
  return micro(bench, [
    {
      what: "decompress",
      amount: archive.length,
      unit: "MB/s",
      run: () => through(inflated(ofBytes(blob, new Gate()), mediaType))
    },
    {
      what: "gunzipSync, output of 64 KiB",
      amount: archive.length,
      unit: "MB/s",
      run: () => gunzipSync(blob, { chunkSize: 65_536 })
    },
    {
      what: "gunzipSync, output in one piece",
      amount: archive.length,
      unit: "MB/s",
      run: () => gunzipSync(blob, { chunkSize: archive.length })
    }
  ])
}
