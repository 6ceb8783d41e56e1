/**
 * The entries of a merged image in the order of their paths: each directory before what is in it, the names of a directory in
 * the order of their bytes. A stored tree is read in this order.
 */
import type { EntryHeader } from "../../../layer/Entry.ts"
import type { ArchiveEntry, EntryCursor } from "../../../layer/EntryCursor.ts"
import { isImplied } from "../../../layer/metadata/ownership.ts"
import { isHostOnly, isReserved } from "../../../layer/metadata/reservedAttributes.ts"
import type { MergedImage } from "./mergeImage.ts"
import { linkTo, type Named, noBody, type Plan } from "./treeCursor.ts"

/** A path, and what comes when it is its turn: an entry without a body, or the file whose body it has. */
export interface Step {
  readonly key: string
  readonly header: EntryHeader
  readonly file?: Named
}

/** Orders as a walk does: no name holds a NUL, so that a directory comes before a name that only begins like its own. */
const keyOf = (path: string): string => path.replaceAll("/", "\0")

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

/**
 * All entries of a plan, in the order of their paths. The root comes first, with an empty path, where more is known of it than of a
 * directory that no entry describes: what is stored does not tell the two apart.
 */
export const stepsOf = ({ root, directories, plain, files }: Plan): ReadonlyArray<Step> => {
  const steps: Array<Step> = directories.map(({ header }) => ({ key: keyOf(header.path), header }))
  const add = (named: Named, file?: Named) => {
    const [first = "", ...others] = named.paths.toSorted((a, b) => compare(keyOf(a), keyOf(b)))
    const header = { ...named.leaf.facts, path: first }
    steps.push({ key: keyOf(first), header, ...(file === undefined ? {} : { file }) })
    for (const path of others) steps.push({ key: keyOf(path), header: linkTo(first, path, named.leaf).header })
  }
  if (root !== undefined && !isImplied(canonicalHeader(root))) steps.push({ key: "", header: root })
  for (const named of plain) add(named)
  for (const inLayer of files.values()) for (const named of inLayer.values()) add(named, named)
  return steps.sort((a, b) => compare(a.key, b.key))
}

const cursorOf = <A>(values: Iterable<A>): EntryCursor<A> => {
  const iterator = values[Symbol.iterator]()
  return { next: async () => iterator.next().value, close: () => {} }
}

const headersOf = function* (steps: ReadonlyArray<Step>): Generator<{ readonly header: EntryHeader }, undefined> {
  for (const { header } of steps) yield { header: canonicalHeader(header) }
}

const entriesOf = function* (
  steps: ReadonlyArray<Step>,
  spools: MergedImage["spools"]
): Generator<ArchiveEntry, undefined> {
  for (const { header, file } of steps) {
    const body = file === undefined ? noBody : spools.get(file.leaf.layer)?.body(file.leaf)
    if (body === undefined) throw new Error("the bodies of a layer were not kept")
    yield { header: canonicalHeader(header), body }
  }
}

/** The entries of an image whose bodies were spooled, with their bodies and without; each may be asked for again. */
export const orderedCursors = (plan: Plan, { spools }: Pick<MergedImage, "spools">) => {
  const steps = stepsOf(plan)
  return { headers: () => cursorOf(headersOf(steps)), entries: () => cursorOf(entriesOf(steps, spools)) }
}
