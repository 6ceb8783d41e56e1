/**
 * tar-stream's encoder of header blocks, without its streams. They work in ticks, take mode 0 for no mode, and write names and
 * records as UTF-8, which names of files need not be. So only the block is asked of it, by the method that its own `entry` calls.
 */
import { pack } from "tar-stream"

export interface BlockFields {
  /** ASCII, at most 100 bytes; so `linkname`. */
  readonly name: string
  readonly linkname: string
  /** The type as tar-stream names it, such as `file` or `pax-header`. */
  readonly type: string
  readonly mode: number
  /** At most 0o777777; so `gid`, `devmajor` and `devminor`. */
  readonly uid: number
  readonly gid: number
  /** Bytes of the body. What eleven octal digits cannot hold is written in base 256. */
  readonly size: number
  /** From 0 to 2³¹ - 1 seconds. */
  readonly mtime: Date
  readonly devmajor: number
  readonly devminor: number
}

/** The members of tar-stream's `Pack` (3.1, 3.2) that are called here, and that its own method calls. */
interface Encoder {
  push(bytes: Buffer): boolean
  _encode(fields: BlockFields): void
}

/** The blocks of the header that is being encoded. */
let blocks: Array<Buffer> = []

/** One for all headers: it is a stream, which costs more to make than a header. Nothing of a header stays in it. */
let encoder: Encoder | undefined

const makeEncoder = (): Encoder => {
  const made = pack() as unknown as Encoder
  made.push = (block) => {
    blocks.push(block)
    return true
  }
  return made
}

/** A ustar header of 512 bytes. */
export const encodeHeader = (fields: BlockFields): Buffer => {
  encoder ??= makeEncoder()
  blocks = []
  encoder._encode(fields)
  const [block] = blocks
  if (block?.length !== 512 || blocks.length !== 1)
    throw new Error("tar-stream encodes a header in a way that is not known")
  return block
}
