/** What a directory holds, and its bytes: blocks of `struct erofs_dirent`, each with the names that it points at. */
import { blockBytes } from "./blocks.ts"
import type { Ino } from "./InodeTable.ts"

const direntBytes = 12

/** What a name leads to. */
export interface Target {
  readonly nid: number
  readonly fileType: number
}

export class Directory {
  readonly ino: Ino
  readonly parent: Ino
  /** Names are binary strings. Let go of when it is sealed. */
  #children: Map<string, Ino> | undefined = new Map()
  #names: ReadonlyArray<string> = []
  #inodes: ReadonlyArray<Ino> = []
  /** Bytes, since it was sealed. */
  size = 0

  constructor(ino: Ino, parent: Ino) {
    this.ino = ino
    this.parent = parent
  }

  get(name: string): Ino | undefined {
    return this.#children?.get(name)
  }

  add(name: string, ino: Ino): void {
    this.#children?.set(name, ino)
  }

  /**
   * Nothing is added any more: names are sorted by their bytes, for the kernel's binary search, the directory's own two
   * among them.
   */
  seal(): void {
    const children = this.#children ?? new Map<string, Ino>()
    children.set(".", this.ino).set("..", this.parent)
    // A character of a binary string is a byte.
    const names = [...children.keys()].sort((a, b) => (a < b ? -1 : 1))
    this.#inodes = names.map((name) => children.get(name) ?? 0)
    this.#names = names
    this.#children = undefined
    for (const [, , used] of this.#blocks()) this.size = Math.ceil(this.size / blockBytes) * blockBytes + used
  }

  /** Which names share a block, as a range, and the bytes that they take: an entry and its name are never in two. */
  *#blocks(): Iterable<readonly [from: number, to: number, used: number]> {
    let from = 0
    let used = 0
    for (const [at, name] of this.#names.entries()) {
      const more = direntBytes + name.length
      if (used + more > blockBytes) {
        yield [from, at, used]
        from = at
        used = 0
      }
      used += more
    }
    yield [from, this.#names.length, used]
  }

  /** The directory's bytes, block by block. The last ends with its last name; the others are filled up with zeros. */
  *content(target: (ino: Ino) => Target): Iterable<Buffer> {
    for (const [from, to, used] of this.#blocks()) {
      const block = Buffer.alloc(to === this.#names.length ? used : blockBytes)
      // The first name's offset tells how many entries there are.
      let nameAt = (to - from) * direntBytes
      for (let at = from; at < to; at++) {
        const name = this.#names[at] ?? ""
        const { nid, fileType } = target(this.#inodes[at] ?? 0)
        const entry = (at - from) * direntBytes
        block.writeBigUInt64LE(BigInt(nid), entry)
        block.writeUInt16LE(nameAt, entry + 8)
        block[entry + 10] = fileType
        block.write(name, nameAt, "latin1")
        nameAt += name.length
      }
      yield block
    }
  }
}
