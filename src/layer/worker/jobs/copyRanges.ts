/** Ranges of one file → their places in another. */
import { closeSync, constants, openSync, readSync } from "node:fs"
import { codeOrMessage } from "../../../api/codeOf.ts"
import { FileSystemFailed } from "../../../api/errors.ts"
import type { CopyRangesJob } from "../../messages/WorkerJob.ts"
import { PlacedWriter } from "../PlacedWriter.ts"

/** Bytes that are read at once. */
const windowBytes = 2 ** 20

/** Of this worker, which has one job at a time: buffers that are soon garbage outside the heap would be many before it is collected. */
let window: Buffer | undefined

const { O_NOFOLLOW = 0, O_RDONLY, O_WRONLY } = constants

/** `look` is called for each window, and throws if nobody wants more. Throws `FileSystemFailed`. */
export const copyRanges = ({ from, into, ranges, block }: CopyRangesJob, look: () => void): void => {
  const attempt = <A>(operation: string, work: () => A): A => {
    try {
      return work()
    } catch (error) {
      throw new FileSystemFailed({ operation, path: from, code: codeOrMessage(error) })
    }
  }
  window ??= Buffer.allocUnsafeSlow(windowBytes)
  const buffer = window
  const fd = attempt("open", () => openSync(from, O_RDONLY | O_NOFOLLOW))
  let writer: PlacedWriter | undefined
  try {
    writer = new PlacedWriter(into, O_WRONLY | O_NOFOLLOW, block)
    /** Where the window begins, and how much is in it. */
    let [start, length] = [0, 0]
    for (let range = 0; range < ranges.length; range += 3) {
      // No view for each: of a million small files they would be more than the files.
      const [first, size, position] = [ranges[range] ?? 0, ranges[range + 1] ?? 0, ranges[range + 2] ?? 0]
      for (let done = 0; done < size; ) {
        const at = first + done
        if (at < start || at >= start + length) {
          look()
          start = at
          length = attempt("read", () => readSync(fd, buffer, 0, windowBytes, at))
          if (length === 0) throw new FileSystemFailed({ operation: "read", path: from, code: "EIO" })
        }
        const piece = buffer.subarray(at - start, Math.min(length, at - start + size - done))
        writer.write(piece, position + done)
        done += piece.length
      }
    }
    writer.flush()
  } finally {
    writer?.close()
    closeSync(fd)
  }
}
