/** Pieces → their places in a file. What is written beside each other is gathered for one write. */
import { closeSync, openSync, writeSync } from "node:fs"
import { codeOrMessage } from "../../api/codeOf.ts"
import { FileSystemFailed } from "../../api/errors.ts"

/** Bytes that are gathered. */
const gathered = 2 ** 20
/** Pieces as large as this are not copied. */
const large = 2 ** 16

/** The buffers of those that were closed: a megabyte is soon garbage, and outside the heap, so that nothing collects it. */
const spare: Array<Buffer> = []

/** Every method but `close` throws `FileSystemFailed`. */
export class PlacedWriter {
  readonly #path: string
  readonly #fd: number
  readonly #gap: number
  readonly #buffer: Buffer
  #at = 0
  #filled = 0

  /** `flags`: of open(2). `gap`: less than so many bytes between two pieces become zeros, if the second one comes behind the first. */
  constructor(path: string, flags: number, gap: number) {
    this.#path = path
    this.#gap = gap
    this.#fd = this.#attempt("open", () => openSync(path, flags, 0o600))
    this.#buffer = spare.pop() ?? Buffer.allocUnsafeSlow(gathered)
  }

  /** The bytes are read before the call returns. */
  write(bytes: Uint8Array, position: number): void {
    const gap = position - (this.#at + this.#filled)
    const isBeside = this.#filled > 0 && (gap === 0 || (gap > 0 && gap < this.#gap))
    if (!isBeside || this.#filled + gap + bytes.length > gathered) this.flush()
    if (this.#filled === 0) {
      if (bytes.length >= large) {
        this.#writeAll(bytes, position)
        return
      }
      this.#at = position
    } else {
      this.#buffer.fill(0, this.#filled, this.#filled + gap)
      this.#filled += gap
    }
    this.#buffer.set(bytes, this.#filled)
    this.#filled += bytes.length
  }

  /** Writes what was gathered: to be called behind the last piece. */
  flush(): void {
    this.#writeAll(this.#buffer.subarray(0, this.#filled), this.#at)
    this.#filled = 0
  }

  /** To be called once; nothing is written after it. */
  close(): void {
    spare.push(this.#buffer)
    closeSync(this.#fd)
  }

  #writeAll(bytes: Uint8Array, position: number): void {
    this.#attempt("write", () => {
      for (let done = 0; done < bytes.length; )
        done += writeSync(this.#fd, bytes, done, bytes.length - done, position + done)
    })
  }

  #attempt<A>(operation: string, work: () => A): A {
    try {
      return work()
    } catch (error) {
      throw new FileSystemFailed({ operation, path: this.#path, code: codeOrMessage(error) })
    }
  }
}
