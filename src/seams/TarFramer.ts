/**
 * tar-stream without its reader of headers. Its parser joins what comes in pieces and cuts it into blocks, bodies and padding.
 * Which block is a header and what it means is asked of `reader`, since a header can be read in several ways and only
 * one of them may become a file (docs/decisions/0014-reading-archives.md). Its ticks are avoided as well: the parser takes what it is
 * given at once, by the call that a stream makes when its turn has come.
 */
import { extract } from "tar-stream"

/** Bytes of a block. */
const blockBytes = 512

/** All views are valid while they are handed over. */
export interface BlockReader {
  /** A block that is not part of a body. Gives the bytes of the body that follows it, or 0. */
  readonly block: (block: Buffer) => number
  /** The next bytes of the body that `block` announced. `left`: bytes of it that are still to come. */
  readonly body: (bytes: Buffer, left: number) => void
}

/** The members of tar-stream's `Extract` (3.1, 3.2) that its own methods use. */
interface Parser {
  readonly _buffer: { readonly buffered: number; push(bytes: Buffer): void; shift(size: number): Buffer }
  /** Bytes of a body, or where `_stream` is null of padding, that are still to come. */
  _missing: number
  /** Takes the body's pieces, then `null`. */
  _stream: { push(bytes: Buffer | null): boolean; _detach(): void } | null
  /** Called where a whole block is there and no body is under way. False: the parser stops. */
  _consumeHeader(): boolean
  _write(bytes: Buffer, done: () => void): void
}

const paddingOf = (size: number): number => -size & (blockBytes - 1)

const done = () => {}

export class TarFramer {
  readonly #parser = extract() as unknown as Parser
  #padding = 0
  #ended = false
  /** Bytes that were given, and those that came back in blocks, bodies and padding. */
  #given = 0
  #framed = 0

  constructor(reader: BlockReader) {
    const parser = this.#parser
    const { _buffer: buffer } = parser
    const stream = {
      push: (bytes: Buffer | null): boolean => {
        if (bytes === null) return true
        this.#framed += bytes.length
        reader.body(bytes, parser._missing)
        return true
      },
      _detach: () => {
        parser._stream = null
        parser._missing = this.#padding
      }
    }
    parser._consumeHeader = () => {
      this.#framed += blockBytes
      const size = reader.block(buffer.shift(blockBytes))
      if (this.#ended) parser._missing = Number.POSITIVE_INFINITY
      else if (size > 0) {
        parser._stream = stream
        parser._missing = size
        this.#padding = paddingOf(size)
        this.#framed += this.#padding
      }
      return true
    }
  }

  /** `bytes` may be used again afterwards. */
  write(bytes: Uint8Array): void {
    if (this.#ended) return
    this.#given += bytes.length
    this.#parser._write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), done)
    // Less than a block is left: it is taken out of what it is a view of.
    const { buffered } = this.#parser._buffer
    if (buffered > 0) this.#parser._buffer.push(Buffer.from(this.#parser._buffer.shift(buffered)))
  }

  /** Called by the reader: all that follows this block is passed over. */
  ignoreRest(): void {
    this.#ended = true
  }

  /** What of an unfinished block has come. */
  get rest(): Buffer {
    return this.#parser._buffer.shift(this.#parser._buffer.buffered)
  }

  /** At the end: `complete` between two blocks, `unpadded` where only padding is missing. */
  end(): "complete" | "unpadded" | "cut" {
    if (this.#ended) return "complete"
    const { _missing: missing, _stream: stream, _buffer: buffer } = this.#parser
    const padding = stream === null ? missing : this.#padding
    // Another tar-stream may go about it in other ways: then blocks were not read, and that must not pass for a short archive.
    if (this.#framed - padding + buffer.buffered !== this.#given)
      throw new Error("tar-stream frames an archive in a way that is not known")
    if (stream !== null || buffer.buffered > 0) return "cut"
    return missing > 0 ? "unpadded" : "complete"
  }
}
