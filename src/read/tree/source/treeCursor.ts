/**
 * The entries of a merged image, in an order that an archive can be written in: directories, each before what is in it;
 * then what has no body; then the files, layer by layer, the highest first; each hard link behind the file that it is
 * another name of.
 */
import type { EntryHeader } from "../../../layer/Entry.ts"
import type { ArchiveEntry, BodyReader, EntryCursor } from "../../../layer/EntryCursor.ts"
import { isWhole, type Selection } from "../../../layer/tree/Selection.ts"
import { type Facts, isBranch, type Leaf } from "../merge/MergedTree.ts"
import { selected } from "../merge/selection.ts"
import type { MergedImage } from "./mergeImage.ts"

/** An entry of a tree, and the layer that it is from. */
export interface TreeEntry extends ArchiveEntry {
  readonly layer: number
}

export const noBody: BodyReader = { read: () => Promise.resolve(undefined), leave: () => {} }

const headerAt = (path: string, facts: Facts): EntryHeader => ({ ...facts, path })

export const linkTo = (target: string, path: string, { facts, layer }: Leaf): TreeEntry => ({
  header: { ...facts, path, type: "link", linkPath: target, size: 0 },
  layer,
  body: noBody
})

/** A leaf and all its names that are wanted. */
export interface Named {
  readonly leaf: Leaf
  readonly paths: Array<string>
}

export interface Plan {
  /** Of a whole tree, where an entry describes it. */
  readonly root: EntryHeader | undefined
  readonly directories: ReadonlyArray<TreeEntry>
  readonly plain: ReadonlyArray<Named>
  /** By layer, then by the number of the entry in its archive. */
  readonly files: ReadonlyMap<number, ReadonlyMap<number, Named>>
}

/** Throws `InvalidOption` where `strip` makes one path of two. */
export const planOf = ({ tree }: Pick<MergedImage, "tree">, selection: Selection): Plan => {
  const directories: Array<TreeEntry> = []
  const plain: Array<Named> = []
  const files = new Map<number, Map<number, Named>>()
  const known = new Map<Leaf, Named>()
  for (const { names, node } of selected(tree, selection)) {
    const path = names.join("/")
    if (isBranch(node)) {
      directories.push({ header: headerAt(path, node.facts), layer: node.layer, body: noBody })
      continue
    }
    const before = known.get(node)
    if (before !== undefined) {
      before.paths.push(path)
      continue
    }
    const named = { leaf: node, paths: [path] }
    known.set(node, named)
    if (node.facts.type !== "file" || node.facts.size === 0) plain.push(named)
    else {
      const inLayer = files.get(node.layer) ?? new Map<number, Named>()
      files.set(node.layer, inLayer)
      inLayer.set(node.ordinal, named)
    }
  }
  const isRootDescribed = isWhole(selection) && tree.root.layer >= 0
  return { root: isRootDescribed ? headerAt("", tree.root.facts) : undefined, directories, plain, files }
}

/** All that has no body: directories, each before what is in it, then the rest. */
export const headersOf = function* ({
  directories,
  plain
}: Pick<Plan, "directories" | "plain">): Generator<EntryHeader> {
  for (const { header } of directories) yield header
  for (const { leaf, paths } of plain) {
    const [first = "", ...others] = paths
    yield headerAt(first, leaf.facts)
    for (const path of others) yield linkTo(first, path, leaf).header
  }
}

/** Opens the bodies of these entries of a layer, in the order of the archive. */
export type OpenBodies = (layer: number, ordinals: ReadonlyArray<number>) => EntryCursor

/** A file of a plan, as its layer has it. */
interface FileEntry {
  readonly layer: number
  readonly named: Named
  readonly entry: ArchiveEntry
}

/** All files of a plan in the order in which they can be read: layer by layer, the highest first. */
export const filesOf = async function* (files: Plan["files"], open: OpenBodies): AsyncGenerator<FileEntry> {
  for (const [layer, wanted] of [...files].sort(([a], [b]) => b - a)) {
    const ordinals = [...wanted.keys()].sort((a, b) => a - b)
    const cursor = open(layer, ordinals)
    try {
      for (const ordinal of ordinals) {
        const entry = await cursor.next()
        const named = wanted.get(ordinal)
        if (entry === undefined || named === undefined) break
        yield { layer, named, entry }
      }
      // The digest is verified behind the last entry.
      await cursor.next()
    } finally {
      cursor.close()
    }
  }
}

const entriesOf = async function* ({ directories, plain, files }: Plan, open: OpenBodies): AsyncGenerator<TreeEntry> {
  yield* directories
  for (const { leaf, paths } of plain) {
    const [first = "", ...others] = paths
    yield { header: headerAt(first, leaf.facts), layer: leaf.layer, body: noBody }
    for (const path of others) yield linkTo(first, path, leaf)
  }
  for await (const { layer, named, entry } of filesOf(files, open)) {
    const [first = "", ...others] = named.paths
    yield { header: { ...entry.header, path: first }, layer, body: entry.body }
    for (const path of others) yield linkTo(first, path, named.leaf)
  }
}

/** What a generator gives, which opens bodies one layer after the other. */
export const cursorOver = <A>(open: OpenBodies, generate: (open: OpenBodies) => AsyncGenerator<A>): EntryCursor<A> => {
  let current: EntryCursor | undefined
  let isClosed = false
  const entries = generate((layer, ordinals) => {
    current = open(layer, ordinals)
    return current
  })
  return {
    next: async () => {
      if (isClosed) throw new DOMException("the entries were closed", "AbortError")
      const { value } = await entries.next()
      return value ?? undefined
    },
    close: () => {
      isClosed = true
      current?.close()
    }
  }
}

export const treeCursor = (plan: Plan, open: OpenBodies): EntryCursor<TreeEntry> =>
  cursorOver(open, (open) => entriesOf(plan, open))
