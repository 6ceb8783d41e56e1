import { createHash } from "node:crypto"
import { verifyDigest } from "../../src/layer/verifyDigest.ts"
import { Gate } from "../../src/reactive/Gate.ts"
import type { Bench } from "../Bench.ts"
import { micro, type Task } from "../measure/micro.ts"
import { ofBytes, through } from "../measure/source.ts"

export const question = "How fast is a digest checked, and what does the operator add to the bare hash?"

const bytes = Buffer.alloc(2 ** 25, "ociflow ")
const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`

const bare = (size: number): void => {
  const hash = createHash("sha256")
  for (let at = 0; at < bytes.length; at += size) hash.update(bytes.subarray(at, at + size))
  hash.digest("hex")
}

export const run = (bench: Bench) => {
  const tasks = [4_096, 16_384, 65_536, 1_048_576].flatMap((size): ReadonlyArray<Task> => {
    const pieces = `sha256, pieces of ${size / 1024} KiB`
    return [
      { what: `${pieces}, node:crypto`, amount: bytes.length, unit: "MB/s", run: () => bare(size) },
      {
        what: `${pieces}, verify`,
        amount: bytes.length,
        unit: "MB/s",
        run: () => through(ofBytes(bytes, new Gate(), size).pipe(verifyDigest("bench", digest, bytes.length)))
      }
    ]
  })
  return micro(bench, tasks)
}
