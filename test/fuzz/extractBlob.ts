/** A blob → a directory, by the operators of the extraction worker, in this thread. */
import { map, tap } from "rxjs"
import type { Limits } from "../../src/config.ts"
import type { ApplierOptions } from "../../src/layer/apply.ts"
import { makeApplier } from "../../src/layer/apply.ts"
import { applyParts } from "../../src/layer/applyParts.ts"
import { decompress, makePace } from "../../src/layer/decompress.ts"
import { untar } from "../../src/layer/untar.ts"
import { verify } from "../../src/layer/verify.ts"
import { Gate } from "../../src/reactive/Gate.ts"
import { gated } from "../layer/readArchive.ts"

export interface Extraction {
  readonly blob: Uint8Array
  readonly digest: string
  readonly mediaType: string
  readonly limits: Limits
  readonly directory: string
  readonly applying: Pick<ApplierOptions, "ownership" | "layout">
  /** Bytes of the pieces in which the blob arrives. */
  readonly sizes: ReadonlyArray<number>
}

export interface Outcome {
  /** What failed; absent where the tree is whole. */
  readonly error?: unknown
  readonly entries: number
  readonly warnings: number
  /** The archive, as it was decompressed. */
  readonly archive: Buffer
}

export const extractBlob = (job: Extraction): Promise<Outcome> =>
  new Promise((resolve) => {
    const { blob, digest, mediaType, limits, directory, applying, sizes } = job
    const gate = new Gate()
    const archive: Array<Uint8Array> = []
    let entries = 0
    let warnings = 0
    const warn = () => {
      warnings++
    }
    const done = (failed: { readonly error?: unknown }) =>
      resolve({ ...failed, entries, warnings, archive: Buffer.concat(archive) })
    let failed: { readonly error?: unknown } = {}
    const running = gated(blob, gate, sizes)
      .pipe(
        verify("blob", digest, blob.length),
        decompress({ digest, mediaType, limits }, makePace()),
        map((chunk) => {
          archive.push(Uint8Array.from(chunk))
          return chunk
        }),
        untar({ digest, limits, warn }),
        tap((part) => {
          if (part._tag === "Entry" || part._tag === "Begin") entries++
        }),
        applyParts(
          () => makeApplier({ directory, digest, limits, warn, ...applying }),
          () => {}
        )
      )
      .subscribe({
        error: (error) => {
          failed = { error }
        }
      })
    // After the applier has closed its files.
    running.add(() => done(failed))
  })
