/**
 * The entries of a merged image in the order of their paths: each directory before what is in it, the names of a directory in
 * the order of their bytes. A stored tree is read in this order.
 */
import type { EntryHeader } from "../../../layer/Entry.ts"
import type { ArchiveEntry, EntryCursor } from "../../../layer/EntryCursor.ts"
import { isImplied } from "../../../layer/metadata/ownership.ts"
import { isHostOnly, isReserved } from "../../../layer/metadata/reservedAttributes.ts"
import type { Node } from "../merge/MergedTree.ts"
import { inOrder } from "../plan/inOrder.ts"
import type { Plan } from "../plan/Plan.ts"
import type { MergedImage } from "./mergeImage.ts"
import { linkTo, noBody } from "./treeCursor.ts"

/** An entry that comes when it is its turn; of a file with bytes, the file whose body it has. */
export interface Step {
  readonly header: EntryHeader
  readonly file?: Node
}

const isOfImage = (name: string): boolean => !isReserved(name) && !isHostOnly(name)

/** Those that are not an image's to set are left out, as in a tree on disk: by them, a mount would hide what is beneath it. */
export const canonicalAttributes = (xattrs: EntryHeader["xattrs"]): EntryHeader["xattrs"] =>
  xattrs.size === 0 || [...xattrs.keys()].every(isOfImage)
    ? xattrs
    : new Map([...xattrs].filter(([name]) => isOfImage(name)))

/** The header as every source gives it: a body includes its holes, and Linux keeps no mode for a symbolic link. */
export const canonicalHeader = (header: EntryHeader): EntryHeader => {
  // Nearly every entry is so already, and there may be a million.
  if (header.sparse === undefined && header.xattrs.size === 0 && header.type !== "symlink") return header
  const { sparse: _, ...rest } = header
  return { ...rest, xattrs: canonicalAttributes(rest.xattrs), mode: rest.type === "symlink" ? 0o777 : rest.mode }
}

const stepAt = (plan: Plan, node: Node, firsts: Map<number, string>): Step => {
  const { tree } = plan
  const header = plan.headerOf(node)
  if (plan.namesOf(node).length > 1) {
    const first = firsts.get(tree.inodeOf(node))
    if (first !== undefined) return { header: canonicalHeader(linkTo(first, header.path, tree.leafOf(node)).header) }
    firsts.set(tree.inodeOf(node), header.path)
  }
  const canonical = canonicalHeader(header)
  return header.size > 0 ? { header: canonical, file: node } : { header: canonical }
}

/**
 * All entries of a plan, in the order of their paths; may be gone through again. The root comes first, with an empty path, where more
 * is known of it than of a directory that no entry describes: what is stored does not tell the two apart.
 */
export const stepsOf = (plan: Plan): Iterable<Step> => ({
  *[Symbol.iterator]() {
    const root = plan.root && canonicalHeader(plan.root)
    if (root !== undefined && !isImplied(root)) yield { header: root }
    /** For each inode with several names, the path that has come first. */
    const firsts = new Map<number, string>()
    for (const node of inOrder(plan)) yield stepAt(plan, node, firsts)
  }
})

const cursorOf = <A>(values: Iterable<A>): EntryCursor<A> => {
  const iterator = values[Symbol.iterator]()
  return { next: async () => iterator.next().value, close: () => {} }
}

const entriesOf = function* (
  { tree }: Plan,
  steps: Iterable<Step>,
  spools: MergedImage["spools"]
): Generator<ArchiveEntry, undefined> {
  for (const { header, file } of steps) {
    const body = file === undefined ? noBody : spools.get(tree.layerOf(file))?.body(tree.leafOf(file))
    if (body === undefined) throw new Error("the bodies of a layer were not kept")
    yield { header, body }
  }
}

/** The entries of an image whose bodies were spooled, with their bodies and without; each may be asked for again. */
export const orderedCursors = (plan: Plan, { spools }: Pick<MergedImage, "spools">) => {
  const steps = stepsOf(plan)
  return {
    headers: () => cursorOf<{ readonly header: EntryHeader }>(steps),
    entries: () => cursorOf(entriesOf(plan, steps, spools))
  }
}
