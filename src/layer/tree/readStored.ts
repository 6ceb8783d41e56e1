/** Layers on disk → entries, as the reader of an archive gives them. For the worker: synchronous throughout. */
import { FileSystemFailed, isReason } from "../../api/errors.ts"
import type { EntryHeader } from "../Entry.ts"
import type { ReadStoredJob, StoredQuestion } from "../messages/WorkerJob.ts"
import type { Part } from "../tar/untar.ts"
import { ErofsImage } from "./ErofsImage.ts"
import { findPath, whyNoFile, whyNotFound } from "./findPath.ts"
import type { StoredTree } from "./StoredTree.ts"
import { UnionTree } from "./UnionTree.ts"

const pieceBytes = 2 ** 16
const end: Part = { _tag: "End" }

export interface StoredReading {
  readonly next: (part: Part) => void
  /** Whether somebody reads the body that has begun. */
  readonly isWanted: () => boolean
  /** Called for each entry; throws if nobody wants more. */
  readonly look: () => void
}

const within = (names: ReadonlyArray<string>, only: ReadonlyArray<ReadonlyArray<string>>): "all" | "some" | "none" => {
  let some: "some" | "none" = "none"
  for (const wanted of only) {
    const length = Math.min(names.length, wanted.length)
    let same = 0
    while (same < length && names[same] === wanted[same]) same += 1
    if (same < length) continue
    if (wanted.length <= names.length) return "all"
    some = "some"
  }
  return some
}

class Reader<D, L extends { readonly layer: number }> {
  readonly #tree: StoredTree<D, L>
  readonly #digests: ReadonlyArray<string>
  readonly #reading: StoredReading
  /** The first path of each inode that has several. */
  readonly #inodes = new Map<string, string>()

  constructor(tree: StoredTree<D, L>, { stored }: ReadStoredJob, reading: StoredReading) {
    this.#tree = tree
    this.#digests = stored.digests
    this.#reading = reading
  }

  answer({ what, ...question }: StoredQuestion): void {
    if (what === "tree") {
      if (question.withRoot === true) this.#directory(this.#tree.root, "")
      this.#walk([], question.only, question.strip ?? 0)
      return
    }
    const path = question.path ?? ""
    const sought = findPath(this.#tree, path, true)
    const problem = whyNotFound(sought, path)
    if (problem !== undefined) throw problem
    if (sought._tag === "Leaf") {
      const { header } = this.#tree.entry(sought.leaf)
      const unsuitable = what === "file" ? whyNoFile(header.type, path) : undefined
      if (unsuitable !== undefined) throw unsuitable
      this.#leaf(sought.leaf, sought.names.join("/"), what === "file")
    } else if (sought._tag === "Directory") {
      const unsuitable = what === "file" ? whyNoFile("directory", path) : undefined
      if (unsuitable !== undefined) throw unsuitable
      for (const name of this.#tree.names(sought.directory)) this.#child(sought.directory, [...sought.names, name])
    }
  }

  /** One entry of a directory, without what is in it. */
  #child(union: D, names: ReadonlyArray<string>): void {
    const child = this.#tree.child(union, names[names.length - 1] ?? "")
    if (typeof child === "string") return
    if (child._tag === "Leaf") this.#leaf(child.leaf, names.join("/"), false)
    else this.#directory(child.directory, names.join("/"))
  }

  #walk(names: ReadonlyArray<string>, only: StoredQuestion["only"], strip: number, union = this.#tree.root): void {
    for (const name of this.#tree.names(union)) {
      this.#reading.look()
      const all = [...names, name]
      const wanted = only === undefined ? "all" : within(all, only)
      if (wanted === "none") continue
      const child = this.#tree.child(union, name)
      if (typeof child === "string") continue
      const path = all.slice(strip).join("/")
      const isWanted = wanted === "all" && path !== ""
      if (child._tag === "Leaf") {
        if (isWanted) this.#leaf(child.leaf, path, true)
        continue
      }
      if (isWanted) this.#directory(child.directory, path)
      this.#walk(all, wanted === "all" ? undefined : only, strip, child.directory)
    }
  }

  #directory(union: D, path: string): void {
    const described = this.#tree.describe(union)
    if (described === undefined) return
    this.#give({ _tag: "Entry", header: { ...described.header, path } }, described.layer)
  }

  #leaf(leaf: L, path: string, withBody: boolean): void {
    const { header, inode } = this.#tree.entry(leaf)
    // In a listing every name speaks for itself.
    const key = inode === undefined || !withBody ? undefined : `${leaf.layer} ${inode}`
    const first = key === undefined ? undefined : this.#inodes.get(key)
    if (first !== undefined) {
      this.#give({ _tag: "Entry", header: { ...header, path, type: "link", linkPath: first, size: 0 } }, leaf.layer)
      return
    }
    if (key !== undefined) this.#inodes.set(key, path)
    const named = { ...header, path }
    if (header.type === "file" && header.size > 0 && withBody) this.#file(leaf, named)
    else this.#give({ _tag: "Entry", header: named }, leaf.layer)
  }

  /** The layer's digest goes where an archive has nothing: with the header, as an index. */
  #give(part: Part, layer: number): void {
    this.#reading.look()
    if (part._tag === "Entry" || part._tag === "Begin") {
      this.#reading.next({ ...part, header: Object.assign(part.header, { layer: this.#digests[layer] ?? "" }) })
    } else this.#reading.next(part)
  }

  #file(leaf: L, header: EntryHeader): void {
    const bytes = this.#tree.open(leaf)
    try {
      const buffer = Buffer.alloc(Math.min(pieceBytes, header.size))
      const isSmall = header.size <= pieceBytes
      if (!isSmall) {
        this.#give({ _tag: "Begin", header }, leaf.layer)
        if (!this.#reading.isWanted()) {
          this.#reading.next(end)
          return
        }
      }
      for (let at = 0; at < header.size; ) {
        const length = bytes.read(buffer, Math.min(buffer.length, header.size - at), at)
        if (length === 0) throw Object.assign(new Error("it was cut"), { code: "EIO", syscall: "read" })
        at += length
        const piece = buffer.subarray(0, length)
        if (!isSmall) this.#reading.next({ _tag: "Data", chunk: piece })
        else if (length === header.size) this.#give({ _tag: "Entry", header, body: piece }, leaf.layer)
        else throw Object.assign(new Error("a short read"), { code: "EIO", syscall: "read" })
      }
      if (!isSmall) this.#reading.next(end)
    } finally {
      bytes.close()
    }
  }
}

const answer = <D, L extends { readonly layer: number }>(
  tree: StoredTree<D, L>,
  job: ReadStoredJob,
  reading: StoredReading
): void => {
  try {
    new Reader(tree, job, reading).answer(job.stored.question)
  } finally {
    tree.close()
  }
}

export const readStored = (job: ReadStoredJob, reading: StoredReading): void => {
  const { layout, directories } = job.stored
  try {
    if (layout === "erofs") answer(new ErofsImage(directories[0] ?? ""), job, reading)
    else answer(new UnionTree(job.stored), job, reading)
  } catch (error) {
    const { code, syscall, path } = error as NodeJS.ErrnoException
    if (isReason(error) || code === undefined || syscall === undefined) throw error
    const named = path === undefined ? (job.stored.directories[0] ?? "") : String(path)
    throw new FileSystemFailed({ operation: syscall, path: named, code })
  }
}
