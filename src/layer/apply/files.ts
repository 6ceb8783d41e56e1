/** Files, and the empty files in place of devices and FIFOs that cannot be created. */
import { fstatSync, openSync } from "node:fs"
import type { Ownership } from "../../api/config.ts"
import { type Directory, toDisk } from "../Directory.ts"
import type { EntryHeader } from "../Entry.ts"
import type { Attributes } from "../metadata/attributes.ts"
import type { Metadata } from "../metadata/metadata.ts"
import { hostMode } from "../metadata/ownership.ts"
import { setLinkTimes } from "../metadata/times.ts"
import { type DiskTree, exclusive } from "./DiskTree.ts"
import { FileBody } from "./FileBody.ts"
import { makeRealNode } from "./nodes.ts"
import type { CurrentEntry } from "./rules/CurrentEntry.ts"

export interface FilesOptions {
  readonly tree: DiskTree
  readonly entry: CurrentEntry
  readonly metadata: Metadata
  readonly attributes: Attributes
  readonly ownership: Ownership
}

export interface Files {
  /** To be closed, also after a failure. */
  readonly open: (parent: Directory, name: string, header: EntryHeader) => FileBody
  /** The body from an open file, by sharing its blocks: gives a descriptor to read it by. `undefined`: nothing is written. */
  readonly clone: (file: FileBody, source: number) => number | undefined
  /** To be called when the body is complete: sets the file's metadata. Leaves it open. */
  readonly seal: (file: FileBody) => void
  /** A device or a FIFO: a real node with `chown`, else an empty file whose attribute says what it is. */
  readonly node: (parent: Directory, name: string, header: EntryHeader) => void
}

export const makeFiles = ({ tree, entry, metadata, attributes, ownership }: FilesOptions): Files => {
  const open = (parent: Directory, name: string, header: EntryHeader): FileBody => {
    const fd = tree.occupy(parent, name, (disk) => openSync(disk, exclusive, hostMode(header, ownership)))
    return new FileBody(fd, parent.at(name), header, entry.refuse)
  }

  /** File systems whose blocks the layer's own cannot share. Where the reason was one file's, the others are copied too. */
  const foreign = new Set<number>()

  const clone = (file: FileBody, source: number): number | undefined => {
    const { dev } = fstatSync(source)
    if (foreign.has(dev)) return undefined
    if (file.clone(source)) return file.fd
    foreign.add(dev)
    return undefined
  }

  const seal = (file: FileBody): void => {
    file.complete()
    metadata.file(file.fd, file.path, file.header)
  }

  return {
    open,
    clone,
    seal,
    node: (parent, name, header) => {
      const path = parent.at(name)
      if (ownership === "chown") {
        tree.occupy(parent, name, () => makeRealNode(tree.root.path, path, header))
        attributes.setLink(toDisk(path), header)
        setLinkTimes(toDisk(path), header.mtime)
        return
      }
      const file = open(parent, name, { ...header, size: 0 })
      try {
        seal(file)
      } finally {
        file.close()
      }
    }
  }
}
