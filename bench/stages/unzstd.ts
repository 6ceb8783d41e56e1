import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { hasNativeZstd } from "../../src/layer/compression/unzstd.ts"
import { Gate } from "../../src/reactive/Gate.ts"
import type { Bench } from "../Bench.ts"
import { run as runCommand } from "../measure/Command.ts"
import { corpus } from "../measure/corpus.ts"
import { inflated } from "../measure/layerStages.ts"
import { micro } from "../measure/micro.ts"
import { ofBytes, through } from "../measure/source.ts"

export const question =
  "How fast is zstd decompressed, counted in bytes of archive? Node 22.15 and later decode it natively."

/** By the `zstd` program, level 3: Node 20 cannot compress it. */
const compressed = async (archive: Uint8Array): Promise<Buffer> => {
  const scratch = await mkdtemp(join(tmpdir(), "ociflow-zstd-"))
  try {
    await writeFile(join(scratch, "tar"), archive)
    await runCommand({ argv: ["zstd", "-q", "-3", join(scratch, "tar")] })
    return await readFile(join(scratch, "tar.zst"))
  } finally {
    await rm(scratch, { recursive: true })
  }
}

export const run = async (bench: Bench) => {
  const { archive } = await corpus()
  const blob = await compressed(archive)
  return micro(bench, [
    {
      what: `decompress, ${hasNativeZstd ? "Node's decoder" : "the decoder in WebAssembly"}`,
      amount: archive.length,
      unit: "MB/s",
      run: () => through(inflated(ofBytes(blob, new Gate()), "application/vnd.oci.image.layer.v1.tar+zstd"))
    }
  ])
}
