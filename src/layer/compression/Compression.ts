import type { Duplex } from "node:stream"
import type { Machine } from "../../reactive/transduce.ts"
import type { InputBudget } from "../../seams/inflater.ts"

/** A compression that a layer may have, or the archive of a whole image. A file of this folder makes each. */
export interface Compression {
  /** What its media types end in: `…tar+gzip` of OCI, `…tar.gzip` of Docker. */
  readonly suffix: string
  /** Its first bytes: one of these. */
  readonly magic: ReadonlyArray<ReadonlyArray<number>>
  /**
   * Decompresses one layer, synchronously. Broken bytes are `CorruptLayer`. The chunks are views that are valid while they are
   * handed on. Sets `pace` to how much input keeps the output of one step within bounds.
   */
  readonly decode: (digest: string, budget: InputBudget) => Machine<Uint8Array, Uint8Array>
  /** Decompresses in a thread of Node's own. Absent where Node has none: then `decode` does it, in small steps. */
  readonly createStream?: () => Duplex
}
