import { once } from "node:events"
import { extract } from "tar-stream"
import { Gate } from "../../src/reactive/Gate.ts"
import type { Bench } from "../Bench.ts"
import { corpus } from "../measure/corpus.ts"
import { parts } from "../measure/layerStages.ts"
import { micro } from "../measure/micro.ts"
import { ofBytes, through } from "../measure/source.ts"

export const question = "How fast is an archive read, with every header checked, against tar-stream alone?"

const bare = async (archive: Uint8Array): Promise<void> => {
  const parser = extract()
  parser.on("entry", (_, body, next) => {
    body.on("end", next)
    body.resume()
  })
  parser.end(archive)
  await once(parser, "finish")
}

export const run = async (bench: Bench) => {
  const { archive, entries } = await corpus()
  const ours = () => through(parts(ofBytes(archive, new Gate())))
  return micro(bench, [
    { what: "untar, entries", amount: entries, unit: "/s", run: ours },
    { what: "untar, bytes of archive", amount: archive.length, unit: "MB/s", run: ours },
    { what: "tar-stream alone, entries", amount: entries, unit: "/s", run: () => bare(archive) }
  ])
}
