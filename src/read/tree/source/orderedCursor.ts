/**
 * The entries of a merged image in the order of their paths: each directory before what is in it, the names of a directory in
 * the order of their bytes. A stored tree is read in this order.
 */
import type { EntryHeader } from "../../../layer/Entry.ts"
import type { ArchiveEntry, EntryCursor } from "../../../layer/EntryCursor.ts"
import { isImplied } from "../../../layer/metadata/ownership.ts"
import { isHostOnly, isReserved } from "../../../layer/metadata/reservedAttributes.ts"
import type { MergedImage } from "./mergeImage.ts"
import { linkTo, type Named, noBody, type Plan, type TreeEntry } from "./treeCursor.ts"

/** An entry that comes when it is its turn; of a file with bytes, the file whose body it has. */
export interface Step {
  readonly header: EntryHeader
  readonly file?: Named
}

/** A name in the tree: its path, in the form that is compared, and what has it. There may be a million. */
interface Place {
  readonly key: string
  readonly of: Pick<TreeEntry, "header"> | Named
}

/** Orders as a walk does: no name holds a NUL, so that a directory comes before a name that only begins like its own. */
const keyOf = (path: string): string => path.replaceAll("/", "\0")
const pathOf = (key: string): string => key.replaceAll("\0", "/")

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const isOfImage = (name: string): boolean => !isReserved(name) && !isHostOnly(name)

/** Those that are not an image's to set are left out, as in a tree on disk: by them, a mount would hide what is beneath it. */
const canonicalAttributes = (xattrs: EntryHeader["xattrs"]): EntryHeader["xattrs"] =>
  xattrs.size === 0 || [...xattrs.keys()].every(isOfImage)
    ? xattrs
    : new Map([...xattrs].filter(([name]) => isOfImage(name)))

/** As every source tells it: a body has its holes in it, and Linux keeps no mode for a symbolic link. */
export const canonicalHeader = ({ sparse: _, ...rest }: EntryHeader): EntryHeader => {
  const xattrs = canonicalAttributes(rest.xattrs)
  return { ...rest, xattrs, mode: rest.type === "symlink" ? 0o777 : rest.mode }
}

const placesOf = ({ root, directories, plain, files }: Plan): ReadonlyArray<Place> => {
  const places: Array<Place> = directories.map((of) => ({ key: keyOf(of.header.path), of }))
  const add = (of: Named) => {
    if (of.paths.length > 1) of.paths.sort((a, b) => compare(keyOf(a), keyOf(b)))
    for (const path of of.paths) places.push({ key: keyOf(path), of })
  }
  if (root !== undefined && !isImplied(canonicalHeader(root))) places.push({ key: "", of: { header: root } })
  for (const named of plain) add(named)
  for (const inLayer of files.values()) for (const named of inLayer.values()) add(named)
  return places.sort((a, b) => compare(a.key, b.key))
}

const stepOf = ({ key, of }: Place): Step => {
  if ("header" in of) return { header: canonicalHeader(of.header) }
  const { leaf, paths } = of
  const [path, first = ""] = [pathOf(key), paths[0]]
  if (path !== first) return { header: canonicalHeader(linkTo(first, path, leaf).header) }
  const header = canonicalHeader({ ...leaf.facts, path })
  return header.type === "file" && header.size > 0 ? { header, file: of } : { header }
}

/**
 * All entries of a plan, in the order of their paths; may be gone through again. The root comes first, with an empty path, where more
 * is known of it than of a directory that no entry describes: what is stored does not tell the two apart.
 */
export const stepsOf = (plan: Plan): Iterable<Step> => {
  const places = placesOf(plan)
  return {
    *[Symbol.iterator]() {
      for (const place of places) yield stepOf(place)
    }
  }
}

const cursorOf = <A>(values: Iterable<A>): EntryCursor<A> => {
  const iterator = values[Symbol.iterator]()
  return { next: async () => iterator.next().value, close: () => {} }
}

const entriesOf = function* (steps: Iterable<Step>, spools: MergedImage["spools"]): Generator<ArchiveEntry, undefined> {
  for (const { header, file } of steps) {
    const body = file === undefined ? noBody : spools.get(file.leaf.layer)?.body(file.leaf)
    if (body === undefined) throw new Error("the bodies of a layer were not kept")
    yield { header, body }
  }
}

/** The entries of an image whose bodies were spooled, with their bodies and without; each may be asked for again. */
export const orderedCursors = (plan: Plan, { spools }: Pick<MergedImage, "spools">) => {
  const steps = stepsOf(plan)
  return {
    headers: () => cursorOf<{ readonly header: EntryHeader }>(steps),
    entries: () => cursorOf(entriesOf(steps, spools))
  }
}
