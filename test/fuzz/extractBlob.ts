/** A blob → a directory, by the operators of the extraction worker, in this thread. */
import { Observable } from "rxjs/internal/Observable"
import type { Limits } from "../../src/api/config.ts"
import type { ApplierOptions } from "../../src/layer/apply/apply.ts"
import { makeApplier } from "../../src/layer/apply/apply.ts"
import { decompress, makeInputBudget } from "../../src/layer/compression/decompress.ts"
import { untar } from "../../src/layer/tar/untar.ts"
import { verifyDigest } from "../../src/layer/verifyDigest.ts"
import { writeEntries } from "../../src/layer/worker/writeEntries.ts"
import { transduce } from "../../src/reactive/transduce.ts"

export interface Extraction {
  readonly blob: Uint8Array
  readonly digest: string
  readonly mediaType: string
  readonly limits: Limits
  readonly directory: string
  readonly applying: Pick<ApplierOptions, "ownership" | "layout">
  /** Bytes of the pieces in which the blob arrives. */
  readonly sizes: ReadonlyArray<number>
  /** The applier's. */
  readonly look: () => void
  /** Takes the archive: `limits.layerBytes` at most. */
  readonly into?: Buffer
}

export interface Outcome {
  /** What failed; absent where the tree is whole. */
  readonly error?: unknown
  /** The archive, as it was decompressed: of `into`, the beginning. */
  readonly archive: Buffer
}

const pieceBytes = 65536
const ring = new Uint8Array(2 * pieceBytes)

/** Pieces of these sizes, in turn. A view that is kept for longer than the call shows rubbish, as in the ring. */
const arriving = (bytes: Uint8Array, sizes: ReadonlyArray<number>): Observable<Uint8Array> =>
  new Observable((subscriber) => {
    for (let at = 0, turn = 0; at < bytes.length && !subscriber.closed; turn++) {
      const part = bytes.subarray(at, at + (sizes[turn % sizes.length] ?? pieceBytes))
      const start = at % pieceBytes
      const piece = ring.subarray(start, start + part.length)
      piece.set(part)
      subscriber.next(piece)
      piece.fill(0xaa)
      at += part.length
    }
    subscriber.complete()
  })

const nowhere = Buffer.alloc(0)

export const extractBlob = (job: Extraction): Promise<Outcome> =>
  new Promise((resolve) => {
    const { blob, digest, mediaType, limits, directory, applying, sizes, look, into } = job
    let length = 0
    let failed: { readonly error?: unknown } = {}
    const warn = () => {}
    const running = arriving(blob, sizes)
      .pipe(
        verifyDigest("blob", digest, blob.length),
        decompress({ digest, mediaType, limits }, makeInputBudget()),
        transduce(() => ({
          push: (chunk: Uint8Array, next: (chunk: Uint8Array) => void) => {
            into?.set(chunk, length)
            length += chunk.length
            next(chunk)
          },
          end: () => {}
        })),
        untar({ digest, limits, warn }),
        writeEntries(
          () => makeApplier({ directory, digest, limits, warn, look, ...applying }),
          () => {}
        )
      )
      .subscribe({
        error: (error) => {
          failed = { error }
        }
      })
    // After the applier has closed its files.
    running.add(() => resolve({ ...failed, archive: into?.subarray(0, length) ?? nowhere }))
  })
