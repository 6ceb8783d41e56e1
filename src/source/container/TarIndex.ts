/**
 * Where an archive keeps which file: headers are read, bodies passed over, and nothing is written. A name that two
 * entries have is nobody's, since one reader would take the first and another the last; so is one that climbs.
 */
import type { FileHandle } from "node:fs/promises"
import { defaultLimits, type Limits } from "../../api/config.ts"
import { CorruptLayer } from "../../api/errors.ts"
import { describeEntry } from "../../layer/tar/describeEntry.ts"
import { ExtendedHeaders, type HeaderContext, isExtension } from "../../layer/tar/ExtendedHeaders.ts"
import { blockBytes, fieldAt, hasChecksum, isZero } from "../../layer/tar/HeaderBlock.ts"

type Item =
  | { readonly is: "file"; readonly start: number; readonly size: number }
  | { readonly is: "link"; readonly to: string }
  | { readonly is: "unusable"; readonly problem: string }

/** Files and links that are remembered: a layout has one for each blob. */
const mostItems = 100_000
/** Characters of their names, and of what the links name, altogether. */
const mostCharacters = 8 * 2 ** 20
/** Links that lead on to links. */
const mostLinks = 8
/** Bytes that are read at once: small files lie close together. */
const windowBytes = 65_536

const padded = (size: number) => Math.ceil(size / blockBytes) * blockBytes

/** From the archive's root; `undefined` where it climbs above it. */
const placeOf = (name: string): string | undefined => {
  const parts: Array<string> = []
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue
    if (part !== "..") parts.push(part)
    else if (parts.pop() === undefined) return undefined
  }
  return parts.join("/")
}

const climbs = (name: string) => name.split("/").includes("..")

const decode = (binary: string): string => Buffer.from(binary, "latin1").toString()

export interface Found {
  readonly start: number
  readonly size: number
}

export class TarIndex {
  readonly #items = new Map<string, Item>()
  #characters = 0
  readonly #limits: Limits
  readonly #context: HeaderContext

  private constructor(name: string, limits: Limits) {
    this.#limits = limits
    this.#context = {
      digest: name,
      limits,
      corrupt: (problem) => new CorruptLayer({ digest: name, stage: "untar", problem })
    }
  }

  /** Rejects with what is wrong with the archive, or with what the system says. */
  static async read(file: FileHandle, name: string, signal: AbortSignal, limits = defaultLimits): Promise<TarIndex> {
    const index = new TarIndex(name, limits)
    await index.#scan(file, signal)
    return index
  }

  /** `undefined` if there is no such file; a string says why the file cannot be used. */
  find(name: string): Found | string | undefined {
    let at = placeOf(name)
    for (let links = 0; at !== undefined && links <= mostLinks; links++) {
      const item = this.#items.get(at)
      if (item === undefined) return undefined
      if (item.is === "unusable") return item.problem
      if (item.is === "file") return item
      at = placeOf(item.to)
    }
    return "its links lead nowhere"
  }

  async #scan(file: FileHandle, signal: AbortSignal): Promise<void> {
    const { corrupt } = this.#context
    const { size: end } = await file.stat()
    let window = Buffer.alloc(0)
    let base = 0
    const bytes = async (at: number, length: number): Promise<Buffer> => {
      if (at < base || at + length > base + window.length) {
        signal.throwIfAborted()
        window = Buffer.alloc(Math.max(windowBytes, length))
        base = at
        window = window.subarray(0, (await file.read(window, 0, window.length, at)).bytesRead)
      }
      if (window.length < at - base + length)
        throw corrupt(at === 0 ? "it is not a tar archive" : "the archive ends within an entry")
      return window.subarray(at - base, at - base + length)
    }

    const extensions = new ExtendedHeaders(this.#context)
    for (let at = 0; at < end; ) {
      const block = await bytes(at, blockBytes)
      at += blockBytes
      if (isZero(block)) {
        if (at < end && !isZero(await bytes(at, blockBytes))) throw corrupt("an entry after half an end marker")
        break
      }
      if (!hasChecksum(block))
        throw corrupt(at === blockBytes ? "it is not a tar archive" : "a header whose checksum is wrong")
      const typeflag = String.fromCharCode(block[156] ?? 0)
      if (isExtension(typeflag) || /[gV]/.test(typeflag)) {
        const size = fieldAt(block, "size", corrupt)
        if (size < 0) throw corrupt("an entry of negative size")
        if (isExtension(typeflag)) {
          extensions.count(size)
          extensions.add(typeflag, Buffer.from(await bytes(at, size)))
        }
        at += padded(size)
        continue
      }
      const copy = Buffer.from(block)
      const { header, stored, skipped, sparse } = describeEntry(copy, extensions, this.#context)
      extensions.clear()
      extensions.reset()
      if (at + stored > end) throw corrupt("the archive ends within an entry")
      const problem = sparse === undefined ? undefined : "it is sparse"
      if (header.type === "file") this.#add(header.path, problem ?? { is: "file", start: at, size: stored })
      if (header.type === "link") this.#add(header.path, { is: "link", to: decode(header.linkPath) })
      if (header.type === "symlink") {
        const beside = decode(header.path).replace(/[^/]*\/*$/, "")
        const to = decode(header.linkPath)
        this.#add(header.path, { is: "link", to: to.startsWith("/") ? to : `${beside}/${to}` })
      }
      at += padded(stored + skipped)
    }
    if (extensions.isPending) throw corrupt("the archive ends within an entry")
  }

  #add(binary: string, item: Item | string): void {
    const name = decode(binary)
    const place = climbs(name) ? undefined : placeOf(name)
    if (place === undefined || place === "") return
    if (this.#items.size >= Math.min(mostItems, this.#limits.entries))
      throw this.#context.corrupt(`more than ${mostItems} files`)
    this.#characters += place.length + (typeof item === "object" && item.is === "link" ? item.to.length : 0)
    if (this.#characters > mostCharacters)
      throw this.#context.corrupt(`names of more than ${mostCharacters} characters altogether`)
    const made: Item = typeof item === "string" ? { is: "unusable", problem: item } : item
    this.#items.set(place, this.#items.has(place) ? { is: "unusable", problem: "the archive has it twice" } : made)
  }
}
