/**
 * Archive bytes → entries. tar-stream cuts the archive into blocks and bodies; what a block means is decided here, once:
 * names, records, sparse maps, sizes and the end. What two readers could read differently is refused.
 */
import { CorruptLayer } from "../../api/errors.ts"
import type { Warning } from "../../api/events.ts"
import type { Machine } from "../../reactive/transduce.ts"
import { type BlockReader, TarFramer } from "../../seams/TarFramer.ts"
import { compressionNames, unsupportedCompression } from "../compression/compressions.ts"
import type { EntryHeader } from "../Entry.ts"
import { atMost } from "../limits.ts"
import { describeEntry, type EntryDescription, isKnown } from "./describeEntry.ts"
import { ExtendedHeaders, type HeaderContext, isExtension } from "./ExtendedHeaders.ts"
import { blockBytes, fieldAt, hasChecksum, isZero } from "./HeaderBlock.ts"
import { checkSegments, oldGnuSegments, type Segment, SparseMapText } from "./sparse.ts"

/**
 * An entry with its whole body, or without one; or, where the body comes in several pieces, its beginning, the pieces
 * and its end. The bytes are views that are valid while they are handed on.
 */
export type Part =
  | { readonly _tag: "Entry"; readonly header: EntryHeader; readonly body?: Uint8Array }
  | { readonly _tag: "Begin"; readonly header: EntryHeader }
  | { readonly _tag: "Data"; readonly chunk: Uint8Array }
  | { readonly _tag: "End" }

const end: Part = { _tag: "End" }

/** What the next block is. */
type Expected =
  | { readonly is: "header" }
  | { readonly is: "second zero block" }
  | { readonly is: "old GNU map"; readonly sparse: EntryDescription; readonly segments: Array<Segment> }
  | { readonly is: "1.0 map"; readonly sparse: EntryDescription; readonly text: SparseMapText; readonly left: number }

/** What the body that follows a block is. */
type Body =
  | { readonly is: "entry"; readonly header: EntryHeader; readonly stored: number }
  | { readonly is: "extension"; readonly typeflag: string; readonly bytes: Buffer }
  | { readonly is: "skipped" }

const expectHeader: Expected = { is: "header" }
const skipped: Body = { is: "skipped" }

export interface ReaderOptions extends Omit<HeaderContext, "corrupt"> {
  readonly warn: (warning: Warning) => void
  /** After the header of an entry comes that of the next one: each entry is handed on without its body. */
  readonly isBodiless?: boolean
}

export class ArchiveReader implements Machine<Uint8Array, Part>, BlockReader {
  readonly #context: HeaderContext
  readonly #warn: (warning: Warning) => void
  readonly #isBodiless: boolean
  readonly #framer = new TarFramer(this)
  readonly #extensions: ExtendedHeaders
  #expected: Expected = expectHeader
  #body: Body = skipped
  #entries = 0
  #warned = false
  #next: (part: Part) => void = () => {}

  constructor({ warn, isBodiless = false, ...context }: ReaderOptions) {
    this.#warn = warn
    this.#isBodiless = isBodiless
    this.#context = {
      ...context,
      corrupt: (problem) => new CorruptLayer({ digest: context.digest, stage: "untar", problem })
    }
    this.#extensions = new ExtendedHeaders(this.#context)
  }

  push(bytes: Uint8Array, next: (part: Part) => void): void {
    this.#next = next
    this.#framer.write(bytes)
  }

  end(): void {
    const how = this.#framer.end()
    // A whole body whose padding is missing is nobody's loss.
    const isWhole = how === "complete" || (how === "unpadded" && this.#body.is === "entry")
    const isBetween = this.#expected.is === "header" || this.#expected.is === "second zero block"
    if (!isWhole || !isBetween || this.#extensions.isPending)
      throw this.#unreadable(this.#framer.rest, "the archive ends within an entry")
  }

  block(block: Buffer): number {
    // Not before its padding has come: an archive that ends there is cut, whatever the records are.
    if (this.#body.is === "extension") {
      this.#extensions.add(this.#body.typeflag, this.#body.bytes)
      this.#body = skipped
    }
    const expected = this.#expected
    switch (expected.is) {
      case "header":
        return this.#header(block)
      case "second zero block":
        // One zero block and then an entry: GNU tar stops, Go refuses, others go on.
        if (!isZero(block)) throw this.#context.corrupt("an entry after half an end marker")
        this.#framer.ignoreRest()
        return 0
      case "old GNU map": {
        this.#extensions.count(blockBytes)
        const { segments, more } = oldGnuSegments(block, true)
        expected.segments.push(...segments)
        return more ? 0 : this.#sparse(expected.sparse, expected.segments, expected.sparse.stored)
      }
      case "1.0 map": {
        const { corrupt } = this.#context
        this.#extensions.count(blockBytes)
        const left = expected.left - blockBytes
        if (left < 0) throw corrupt("a sparse map that is longer than its body")
        const segments = expected.text.take(block, corrupt)
        if (segments !== undefined) return this.#sparse(expected.sparse, segments, left)
        this.#expected = { ...expected, left }
        return 0
      }
    }
  }

  body(bytes: Buffer, left: number): void {
    const body = this.#body
    if (body.is === "entry") {
      const isFirst = left + bytes.length === body.stored
      if (isFirst && left === 0) this.#next({ _tag: "Entry", header: body.header, body: bytes })
      else {
        if (isFirst) this.#next({ _tag: "Begin", header: body.header })
        this.#next({ _tag: "Data", chunk: bytes })
        if (left === 0) this.#next(end)
      }
    } else if (body.is === "extension") {
      bytes.copy(body.bytes, body.bytes.length - left - bytes.length)
    }
  }

  /** The bytes are no header: where they are the first, they may be compressed in a way that is not read. */
  #unreadable(bytes: Uint8Array, problem: string): CorruptLayer {
    const form = this.#entries === 0 && !this.#extensions.isPending ? unsupportedCompression(bytes)?.name : undefined
    return this.#context.corrupt(
      form === undefined
        ? problem
        : `it is compressed with ${form}; a layer may be ${compressionNames.join(", ")} or a plain archive`
    )
  }

  #header(block: Buffer): number {
    const { corrupt } = this.#context
    if (block[0] === 0 && isZero(block)) {
      if (this.#extensions.isPending) throw corrupt("the archive ends within an entry")
      this.#expected = { is: "second zero block" }
      return 0
    }
    if (!hasChecksum(block)) throw this.#unreadable(block, "a header whose checksum is wrong")
    const typeflag = String.fromCharCode(block[156] ?? 0)
    if (isExtension(typeflag)) {
      const size = this.#sizeOf(block)
      this.#extensions.count(size)
      if (size > 0) this.#body = { is: "extension", typeflag, bytes: Buffer.allocUnsafeSlow(size) }
      return size
    }
    switch (typeflag) {
      case "g":
      case "V":
        // To Go the records before these are theirs, to others the next entry's.
        if (this.#extensions.isPending) throw corrupt("records of an entry before a header that is not an entry")
        // Global records and a volume's label say nothing about any one entry: container tools ignore both.
        this.#body = skipped
        return this.#sizeOf(block)
      case "M":
      case "N":
        throw corrupt(`an entry of type ${typeflag}: multi-volume archives and pre-1990 long names are not supported`)
    }
    return this.#entry(block, typeflag)
  }

  #sizeOf(block: Buffer): number {
    const size = fieldAt(block, "size", this.#context.corrupt)
    if (size < 0) throw this.#context.corrupt("an entry of negative size")
    return size
  }

  #entry(block: Buffer, typeflag: string): number {
    const { digest, limits } = this.#context
    atMost(limits, "entries", ++this.#entries, () => `layer ${digest}`)
    const described = describeEntry(block, this.#extensions, this.#context)
    if (!isKnown(typeflag) && !this.#warned) {
      this.#warned = true
      this.#warn({
        _tag: "Warning",
        code: "UnknownEntryType",
        digest,
        message: `an entry of the unknown type ${JSON.stringify(typeflag)} is treated as a regular file`
      })
    }
    this.#extensions.clear()
    const { sparse, stored, skipped: listing } = described
    if (sparse === "old GNU") {
      const { segments, more } = oldGnuSegments(block, false)
      if (!more) return this.#sparse(described, segments, stored)
      this.#extensions.count(blockBytes)
      this.#expected = { is: "old GNU map", sparse: described, segments: [...segments] }
      return 0
    }
    if (sparse?.map === "header") return this.#sparse(described, sparse.segments, stored)
    if (sparse !== undefined) {
      this.#extensions.count(blockBytes)
      this.#expected = { is: "1.0 map", sparse: described, text: new SparseMapText(), left: stored }
      return 0
    }
    const follows = this.#announce(described.header, stored)
    if (listing === 0) return follows
    this.#body = skipped
    return listing
  }

  #sparse({ header }: EntryDescription, segments: ReadonlyArray<Segment>, stored: number): number {
    const sparse = checkSegments(segments, header.size, stored, this.#context.corrupt)
    return this.#announce({ ...header, sparse }, stored)
  }

  /** The entry's header is read. Gives the bytes of the body that follows. */
  #announce(header: EntryHeader, stored: number): number {
    this.#extensions.reset()
    this.#expected = expectHeader
    const follows = this.#isBodiless ? 0 : stored
    this.#body = { is: "entry", header, stored: follows }
    if (follows === 0) this.#next({ _tag: "Entry", header })
    return follows
  }
}
