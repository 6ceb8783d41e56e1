import { direntBytes, direntFields } from "./format.ts"
import type { ImageFile } from "./ImageFile.ts"
import type { ImageInode } from "./ImageInode.ts"

const direntsOf = function* (block: Buffer, file: ImageFile): Iterable<readonly [name: string, nid: number]> {
  if (block.length < direntBytes) throw file.damaged()
  const nameAt = (index: number) => block.readUInt16LE(index * direntBytes + direntFields.nameAt)
  // The first name is behind the last entry.
  const count = nameAt(0) / direntBytes
  if (!Number.isInteger(count) || count === 0 || count * direntBytes > block.length) throw file.damaged()
  for (let index = 0; index < count; index++) {
    const from = nameAt(index)
    const to = index + 1 < count ? nameAt(index + 1) : block.length
    if (from >= to || to > block.length) throw file.damaged()
    // What is behind the last name of a block is zeros.
    const name = block.toString("latin1", from, to).replace(/\0+$/, "")
    if (name === "" || name.includes("/")) throw file.damaged()
    const nidAt = index * direntBytes + direntFields.nid
    yield [name, block.readUInt32LE(nidAt) + block.readUInt32LE(nidAt + 4) * 2 ** 32]
  }
}

/** The names of a directory, binary strings, without its own two; `parent` is the node that it must be in. */
export const readDirents = (file: ImageFile, directory: ImageInode, parent: number): ReadonlyMap<string, number> => {
  const names = new Map<string, number>()
  for (const block of directory.content()) for (const [name, nid] of direntsOf(block, file)) names.set(name, nid)
  if (names.get(".") !== directory.nid || names.get("..") !== parent) throw file.damaged()
  names.delete(".")
  names.delete("..")
  return names
}
