import { defer, type OperatorFunction } from "rxjs"
import { decompress as decompressLayer, makeInputBudget } from "../layer/compression/decompress.ts"
import { filledOptions, type StageOptions } from "./StageOptions.ts"
import { sliceBytes } from "./sliceBytes.ts"

/**
 * gzip or zstd → what it holds; what is neither passes as it is. The first bytes tell which, whatever a media type says.
 *
 *     bytes         ─A───────B───────|
 *     decompress()  ─a·a·a·a─b·b·b·b─|     pieces of at most 64 KiB, all of A's before A's `next` returns
 *
 * The pieces are views that are valid during the call of `next`: copy what is kept. Broken or cut bytes are `CorruptLayer`,
 * at the end, so that a `verify` before this stage speaks first. `limits.layerBytes` and `limits.inflateRatio` are
 * `LimitExceeded` at the first byte too many.
 */
export const decompress = (options: StageOptions = {}): OperatorFunction<Uint8Array, Uint8Array> => {
  const filled = { ...filledOptions(options), mediaType: "application/vnd.oci.image.layer.v1.tar" }
  return (source) =>
    defer(() => {
      const budget = makeInputBudget()
      return source.pipe(
        sliceBytes(() => budget.bytes),
        decompressLayer(filled, budget)
      )
    })
}
