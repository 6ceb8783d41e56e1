/**
 * Archive bytes → an archive that leaves nothing to interpret, and beside it what each entry is. Names, records, sparse
 * maps, sizes and the end are decided here, once; tar-stream, which comes next, is shown only what it cannot read in
 * another way: for each entry one header, of a known type and the true size of the body. Bodies pass as views of what
 * came in.
 */
import type { OperatorFunction } from "rxjs"
import { CorruptLayer } from "../../api/errors.ts"
import type { Warning } from "../../api/events.ts"
import { type Machine, transduce } from "../../reactive/transduce.ts"
import { unsupportedCompression } from "../compression/compressionOf.ts"
import { deferCorruption } from "../corruption.ts"
import type { EntryHeader } from "../Entry.ts"
import { atMost } from "../limits.ts"
import {
  checkExtensionBytes,
  describeEntry,
  type EntryDescription,
  type Extensions,
  type HeaderContext,
  isKnown,
  typeflags
} from "./describeEntry.ts"
import { blockBytes, fieldAt, hasChecksum, isZero, makePlainHeader } from "./HeaderBlock.ts"
import { parsePax } from "./Pax.ts"
import { checkSegments, oldGnuSegments, type Segment, SparseMapText } from "./sparse.ts"

/** What the next header in the bytes is about. `stored`: bytes of the body that follow it. */
export interface NormalizedEntry {
  readonly header: EntryHeader
  readonly stored: number
}

/** `Facts` come before the bytes of their header. */
export type NormalizedPart = NormalizedEntry | Uint8Array

export interface NormaliseOptions extends Omit<HeaderContext, "corrupt"> {
  readonly warn: (warning: Warning) => void
}

const paddingOf = (size: number): number => (blockBytes - (size % blockBytes)) % blockBytes

const zeros = new Uint8Array(blockBytes)

/** What the coming bytes are. Blocks are taken whole, everything else as it comes. */
type State =
  | { readonly is: "header" }
  | { readonly is: "marker" }
  | { readonly is: "old GNU map"; readonly sparse: EntryDescription; readonly segments: Array<Segment> }
  | { readonly is: "1.0 map"; readonly sparse: EntryDescription; readonly text: SparseMapText }
  | { readonly is: "records"; readonly typeflag: string; readonly body: Buffer }
  | { readonly is: "body" }
  | { readonly is: "skip" }
  | { readonly is: "end" }

const header: State = { is: "header" }

class Normaliser implements Machine<Uint8Array, NormalizedPart> {
  readonly #context: HeaderContext
  readonly #warn: (warning: Warning) => void
  #state: State = header
  /** Bytes of the current state that are still to come, padding not counted. */
  #left = 0
  #padding = 0
  #extensions: Extensions = {}
  #extensionBytes = 0
  #entries = 0
  #warned = false
  readonly #plainHeader = makePlainHeader()
  readonly #carry = Buffer.alloc(blockBytes)
  #carried = 0

  constructor({ warn, ...context }: NormaliseOptions) {
    this.#warn = warn
    this.#context = {
      ...context,
      corrupt: (problem) => new CorruptLayer({ digest: context.digest, stage: "untar", problem })
    }
  }

  push(bytes: Uint8Array, next: (value: NormalizedPart) => void): void {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let at = 0
    /** Where the stretch begins that passes unchanged. */
    let start = 0
    const flush = (until: number) => {
      if (until > start) next(chunk.subarray(start, until))
    }
    while (at < chunk.length) {
      const state = this.#state
      switch (state.is) {
        case "end":
          return
        case "body":
        case "skip":
        case "records": {
          const taken = Math.min(this.#left, chunk.length - at)
          if (state.is === "records") chunk.copy(state.body, state.body.length - this.#left, at, at + taken)
          this.#left -= taken
          const padded = Math.min(this.#padding, chunk.length - at - taken)
          if (this.#left === 0) this.#padding -= padded
          at += this.#left === 0 ? taken + padded : taken
          if (state.is !== "body") start = at
          if (this.#left > 0 || this.#padding > 0) break
          this.#state = header
          if (state.is === "records") this.#extend(state.typeflag, state.body)
          break
        }
        default: {
          let block = chunk
          let base = at
          flush(at)
          if (this.#carried > 0 || chunk.length - at < blockBytes) {
            const taken = Math.min(blockBytes - this.#carried, chunk.length - at)
            chunk.copy(this.#carry, this.#carried, at, at + taken)
            this.#carried += taken
            at += taken
            start = at
            if (this.#carried < blockBytes) return
            this.#carried = 0
            block = this.#carry
            base = 0
          } else at += blockBytes
          start = at
          this.#block(state, block, base, next)
        }
      }
    }
    if (this.#state.is !== "end") flush(at)
  }

  end(next: (value: NormalizedPart) => void): void {
    // A whole body whose padding is missing is nobody's loss.
    if (this.#state.is === "body" && this.#left === 0) {
      next(zeros.subarray(0, this.#padding))
      this.#state = header
    }
    const complete = this.#state.is === "end" || this.#state.is === "marker" || this.#state.is === "header"
    if (!complete || this.#carried > 0 || this.#extensionBytes > 0)
      throw this.#unreadable(this.#carry.subarray(0, this.#carried), "the archive ends within an entry")
  }

  /** The bytes are no header: where they are the first, they may be compressed in a way that is not read. */
  #unreadable(bytes: Uint8Array, problem: string): CorruptLayer {
    const form = this.#entries === 0 && this.#extensionBytes === 0 ? unsupportedCompression(bytes) : undefined
    return this.#context.corrupt(
      form === undefined ? problem : `it is compressed with ${form}; a layer may be gzip, zstd or a plain archive`
    )
  }

  #block(state: State, block: Buffer, at: number, next: (value: NormalizedPart) => void): void {
    switch (state.is) {
      case "marker":
        // One zero block and then an entry: GNU tar stops, Go refuses, others go on.
        if (!isZero(block, at)) throw this.#context.corrupt("an entry behind half an end marker")
        this.#state = { is: "end" }
        return
      case "old GNU map": {
        this.#extensionBytes += blockBytes
        checkExtensionBytes(this.#extensionBytes, this.#context)
        const { segments, more } = oldGnuSegments(block, at, true)
        state.segments.push(...segments)
        if (!more) this.#sparse(state.sparse, state.segments, state.sparse.stored, next)
        return
      }
      case "1.0 map": {
        const { corrupt } = this.#context
        this.#extensionBytes += blockBytes
        checkExtensionBytes(this.#extensionBytes, this.#context)
        this.#left -= blockBytes
        if (this.#left < 0) throw corrupt("a sparse map that is longer than its body")
        const segments = state.text.take(block, at, corrupt)
        if (segments !== undefined) this.#sparse(state.sparse, segments, this.#left, next)
        return
      }
      default:
        this.#header(block, at, next)
    }
  }

  #header(block: Buffer, at: number, next: (value: NormalizedPart) => void): void {
    const { corrupt } = this.#context
    if (block[at] === 0 && isZero(block, at)) {
      if (this.#extensionBytes > 0) throw corrupt("the archive ends within an entry")
      this.#state = { is: "marker" }
      return
    }
    if (!hasChecksum(block, at)) throw this.#unreadable(block.subarray(at), "a header whose checksum is wrong")
    const typeflag = String.fromCharCode(block[at + 156] ?? 0)
    switch (typeflag) {
      case "x":
      case "X":
      case "L":
      case "K":
        this.#records(typeflag, fieldAt(block, at, "size", corrupt))
        return
      case "g":
      case "V":
        // To Go the records before these are theirs, to others the next entry's.
        if (this.#extensionBytes > 0) throw corrupt("records of an entry before a header that is none")
        // Global records and a volume's label say nothing about any one entry: container tools ignore both.
        this.#skip(fieldAt(block, at, "size", corrupt))
        return
      case "M":
      case "N":
        throw corrupt(`an entry of type ${typeflag}: multi-volume archives and pre-1990 long names are not supported`)
    }
    this.#entry(block, at, typeflag, next)
  }

  #entry(block: Buffer, at: number, typeflag: string, next: (value: NormalizedPart) => void): void {
    const { digest, limits } = this.#context
    atMost(limits, "entries", ++this.#entries, () => `layer ${digest}`)
    const described = describeEntry(block, at, this.#extensions, this.#context)
    if (!isKnown(typeflag) && !this.#warned) {
      this.#warned = true
      this.#warn({
        _tag: "Warning",
        code: "UnknownEntryType",
        digest,
        message: `an entry of the unknown type ${JSON.stringify(typeflag)} is taken for a regular file`
      })
    }
    this.#extensions = {}
    const { sparse, stored } = described
    if (sparse === "old GNU") {
      const { segments, more } = oldGnuSegments(block, at, false)
      if (more) {
        this.#extensionBytes += blockBytes
        this.#state = { is: "old GNU map", sparse: described, segments: [...segments] }
      } else this.#sparse(described, segments, stored, next)
    } else if (sparse?.map === "header") this.#sparse(described, sparse.segments, stored, next)
    else if (sparse !== undefined) {
      this.#extensionBytes += blockBytes
      this.#left = stored
      this.#state = { is: "1.0 map", sparse: described, text: new SparseMapText() }
    } else {
      this.#announce(described.header, stored, next)
      if (described.skipped > 0) this.#skip(described.skipped)
    }
  }

  #sparse(
    { header }: EntryDescription,
    segments: ReadonlyArray<Segment>,
    stored: number,
    next: (value: NormalizedPart) => void
  ): void {
    const sparse = checkSegments(segments, header.size, stored, this.#context.corrupt)
    this.#announce({ ...header, sparse }, stored, next)
  }

  /** The entry's header is read; its body follows. */
  #announce(header: EntryHeader, stored: number, next: (value: NormalizedPart) => void): void {
    this.#extensionBytes = 0
    next({ header, stored })
    next(this.#plainHeader(typeflags[header.type], stored))
    this.#body(stored)
  }

  #body(stored: number): void {
    this.#left = stored
    this.#padding = paddingOf(stored)
    this.#state = stored > 0 ? { is: "body" } : header
  }

  #skip(size: number): void {
    if (size < 0) throw this.#context.corrupt("an entry of negative size")
    this.#left = size
    this.#padding = paddingOf(size)
    this.#state = size > 0 ? { is: "skip" } : header
  }

  #records(typeflag: string, size: number): void {
    if (size < 0) throw this.#context.corrupt("an entry of negative size")
    // An entry that is announced counts as begun even by an empty record.
    this.#extensionBytes += Math.max(size, 1)
    checkExtensionBytes(this.#extensionBytes, this.#context)
    this.#left = size
    this.#padding = paddingOf(size)
    if (size > 0) this.#state = { is: "records", typeflag, body: Buffer.allocUnsafeSlow(size) }
  }

  #extend(typeflag: string, body: Buffer): void {
    if (typeflag === "x" || typeflag === "X") this.#extensions.pax = parsePax(body, this.#context.corrupt)
    else {
      const nul = body.indexOf(0)
      const text = body.toString("latin1", 0, nul === -1 ? body.length : nul)
      if (typeflag === "L") this.#extensions.longName = text
      else this.#extensions.longLink = text
    }
  }
}

export const normalise = (options: NormaliseOptions): OperatorFunction<Uint8Array, NormalizedPart> =>
  transduce(() => deferCorruption(new Normaliser(options)))
