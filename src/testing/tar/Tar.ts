/**
 * Writes archives, honest and not. Each method adds an entry the way its format says it; `header` overrides of any
 * entry, `raw` and `header()` say what no tool would.
 */
import { type Content, contentOfBytes, contentOfParts } from "../Content.ts"
import type { EntryOptions } from "./EntryOptions.ts"
import { type EntryType, encodeEntry } from "./encodeEntry.ts"
import { blockSize, bytesOf, type HeaderFields, headerBlock, padding, type TarFormat, type Text } from "./Header.ts"
import { type PaxRecords, paxRecords } from "./pax.ts"
import { gnuSparse, mapOf, paxSparse, type Region, type SparseForm } from "./sparse.ts"

export class Tar {
  readonly format: TarFormat
  readonly #parts: Array<Content> = []
  #ended = false

  constructor(format: TarFormat) {
    this.format = format
  }

  file(name: Text, body: Text | Content = "", options: EntryOptions = {}): this {
    const content = isContent(body) ? body : contentOfBytes(bytesOf(body))
    return this.#entry("0", name, { ...options, size: content.size })
      .raw(content)
      .raw(padding(content.size))
  }
  directory(name: Text, options: EntryOptions = {}): this {
    return this.#entry("5", name, { mode: 0o755, ...options })
  }
  symlink(name: Text, target: Text, options: EntryOptions = {}): this {
    return this.#entry("2", name, { mode: 0o777, ...options, target })
  }
  /** `target` is the name of an entry before it. */
  hardLink(name: Text, target: Text, options: EntryOptions = {}): this {
    return this.#entry("1", name, { ...options, target })
  }
  fifo(name: Text, options: EntryOptions = {}): this {
    return this.#entry("6", name, options)
  }
  characterDevice(name: Text, major: number, minor: number, options: EntryOptions = {}): this {
    return this.#entry("3", name, { ...options, device: [major, minor] })
  }
  blockDevice(name: Text, major: number, minor: number, options: EntryOptions = {}): this {
    return this.#entry("4", name, { ...options, device: [major, minor] })
  }

  /** A file of `size` bytes, zero but for the regions, which are in order and, but the last, whole blocks long. */
  sparse(name: Text, size: number, regions: ReadonlyArray<Region>, form: SparseForm, options: EntryOptions = {}): this {
    const data = Buffer.concat(regions.map(([, bytes]) => bytesOf(bytes)))
    const map = mapOf(size, regions)
    if (form === "gnu") {
      const { patches, extensions } = gnuSparse(size, map)
      const header = { ...options.header, patches: [...patches, ...(options.header?.patches ?? [])] }
      this.#entry("S", name, { ...options, header, size: data.length }).raw(extensions)
      return this.raw(data).raw(padding(data.length))
    }
    const { records, before } = paxSparse(form, name, size, map)
    const held =
      form === "pax-0.0" ? name : `GNUSparseFile.0/${Buffer.from(bytesOf(name)).toString("latin1").slice(-60)}`
    const stored = before.length + data.length
    this.#entry("0", held, { ...options, size: stored, pax: [...records, ...(options.pax ?? [])] })
    return this.raw(before).raw(data).raw(padding(stored))
  }

  /** Records for every entry that follows. */
  globalPax(records: PaxRecords): this {
    return this.extension("g", "pax_global_header", paxRecords(records))
  }
  /** A header of type x, g, L, K or any other with a body of its own, as it stands before the entry it is about. */
  extension(type: string, name: Text, body: Uint8Array, fields: HeaderFields = {}): this {
    return this.header({ name, type, size: body.length, ...fields })
      .raw(body)
      .raw(padding(body.length))
  }
  /** A header block alone, each field as given. */
  header(fields: HeaderFields): this {
    return this.raw(headerBlock(this.format, fields))
  }
  /** Any bytes. Whole blocks, unless that is the point. */
  raw(bytes: Text | Content): this {
    const content = isContent(bytes) ? bytes : contentOfBytes(bytesOf(bytes))
    if (content.size > 0) this.#parts.push(content)
    return this
  }
  /** The end marker: two blocks of zeros. */
  end(blocks = 2): this {
    this.#ended = true
    return this.raw(new Uint8Array(blocks * blockSize))
  }

  /** Itself, with an end marker unless it has one. */
  ended(): this {
    return this.#ended ? this : this.end()
  }

  /** The archive so far, without an end marker unless `end()` was called. */
  content(): Content {
    return contentOfParts([...this.#parts])
  }
  /** The same in memory; for archives whose bodies were given as bytes. */
  bytes(): Buffer {
    return Buffer.concat(
      this.#parts.flatMap(({ size, read }) => {
        const chunks = read(0, size)
        if (Symbol.asyncIterator in chunks) throw new TypeError("a body is not bytes: use content() and collect()")
        return [...chunks]
      })
    )
  }

  #entry(type: EntryType, name: Text, options: Parameters<typeof encodeEntry>[3]): this {
    return this.raw(encodeEntry(this.format, type, name, options))
  }
}

/** Default `pax`. */
export const tar = (format: TarFormat = "pax"): Tar => new Tar(format)

const isContent = (body: Text | Content): body is Content => typeof body === "object" && "read" in body
