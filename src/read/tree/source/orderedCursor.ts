/**
 * The entries of a merged image in the order of their paths: each directory before what is in it, the names of a directory in
 * the order of their bytes. A stored tree is read in this order. The bodies of layers come in the order of their archives: those
 * that come before their turn wait in a temporary file.
 */
import type { EntryHeader } from "../../../layer/Entry.ts"
import type { ArchiveEntry, BodyReader, EntryCursor } from "../../../layer/EntryCursor.ts"
import { isHostOnly, isReserved } from "../../../layer/metadata/reservedAttributes.ts"
import type { BodySpool, Spooled } from "./BodySpool.ts"
import { cursorOver, filesOf, linkTo, type Named, noBody, type OpenBodies, type Plan } from "./treeCursor.ts"

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

/** All entries of a plan, in the order of their paths. */
export const stepsOf = ({ directories, plain, files }: Plan): ReadonlyArray<Step> => {
  const steps: Array<Step> = directories.map(({ header }) => ({ key: keyOf(header.path), header }))
  const add = (named: Named, file?: Named) => {
    const [first = "", ...others] = named.paths.toSorted((a, b) => compare(keyOf(a), keyOf(b)))
    const header = { ...named.leaf.facts, path: first }
    steps.push({ key: keyOf(first), header, ...(file === undefined ? {} : { file }) })
    for (const path of others) steps.push({ key: keyOf(path), header: linkTo(first, path, named.leaf).header })
  }
  for (const named of plain) add(named)
  for (const inLayer of files.values()) for (const named of inLayer.values()) add(named, named)
  return steps.sort((a, b) => compare(a.key, b.key))
}

export interface OrderedCursor extends EntryCursor {
  /** What it gives, in this order, before any of it is read. */
  readonly headers: ReadonlyArray<EntryHeader>
}

const entriesOf = async function* (
  { files }: Plan,
  steps: ReadonlyArray<Step>,
  open: OpenBodies,
  spool: BodySpool
): AsyncGenerator<ArchiveEntry> {
  const arrivals = filesOf(files, open)
  const early = new Map<Named, Spooled>()
  const bodyOf = async (file: Named): Promise<BodyReader> => {
    const spooled = early.get(file)
    if (spooled !== undefined) return spool.body(spooled)
    for (let next = await arrivals.next(); next.done !== true; next = await arrivals.next()) {
      const { named, entry } = next.value
      if (named === file) return entry.body
      early.set(named, await spool.put(entry.body))
    }
    throw new Error("a layer has fewer entries than when its headers were read")
  }
  for (const { header, file } of steps) yield { header, body: file === undefined ? noBody : await bodyOf(file) }
  await arrivals.next()
}

export const orderedCursor = (plan: Plan, open: OpenBodies, spool: BodySpool): OrderedCursor => {
  const steps = stepsOf(plan)
  return {
    ...cursorOver(open, (open) => entriesOf(plan, steps, open, spool)),
    headers: steps.map(({ header }) => header)
  }
}
