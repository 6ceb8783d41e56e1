/**
 * The entries of a merged image, in an order that an archive can be written in: directories, each before what is in it;
 * then what has no body; then the files, layer by layer, the highest first; each hard link behind the file that it is
 * another name of.
 */
import type { EntryHeader } from "../../../layer/Entry.ts"
import type { ArchiveEntry, BodyReader, EntryCursor } from "../../../layer/EntryCursor.ts"
import type { Leaf, Node } from "../merge/MergedTree.ts"
import type { Plan } from "../plan/Plan.ts"

/** An entry of a tree, and the layer that it is from. */
export interface TreeEntry extends ArchiveEntry {
  readonly layer: number
}

export const noBody: BodyReader = { read: () => Promise.resolve(undefined), leave: () => {} }

export const linkTo = (target: string, path: string, { facts, layer }: Pick<Leaf, "facts" | "layer">): TreeEntry => ({
  header: { ...facts, path, type: "link", linkPath: target, size: 0 },
  layer,
  body: noBody
})

/** Hard links to a file that has come, by its other names. */
export const linksTo = function* (plan: Plan, node: Node): Generator<TreeEntry, undefined> {
  const [first = node, ...others] = plan.namesOf(node)
  const path = others.length === 0 ? "" : plan.pathOf(first)
  for (const other of others) yield linkTo(path, plan.pathOf(other), plan.tree.leafOf(node))
}

/** All that has no body: directories, each before what is in it, then the rest. */
export const withoutBodies = function* (plan: Plan): Generator<TreeEntry, undefined> {
  for (const node of plan.directories())
    yield { header: plan.headerOf(node), layer: plan.tree.layerOf(node), body: noBody }
  for (const node of plan.plain()) {
    yield { header: plan.headerOf(node), layer: plan.tree.layerOf(node), body: noBody }
    yield* linksTo(plan, node)
  }
}

export const headersOf = function* (plan: Plan): Generator<EntryHeader, undefined> {
  for (const { header } of withoutBodies(plan)) yield header
}

/** Opens the bodies of these entries of a layer, in the order of the archive. */
export type OpenBodies = (layer: number, ordinals: ReadonlyArray<number>) => EntryCursor

/** All files of a plan in the order in which they can be read: layer by layer, the highest first. */
const filesOf = async function* (plan: Plan, open: OpenBodies): AsyncGenerator<readonly [Node, ArchiveEntry]> {
  for (const [layer, nodes] of [...plan.files()].sort(([a], [b]) => b - a)) {
    const cursor = open(
      layer,
      Array.from(nodes, (node) => plan.tree.ordinalOf(node))
    )
    try {
      for (const node of nodes) {
        const entry = await cursor.next()
        if (entry === undefined) break
        yield [node, entry]
      }
      // The digest is verified behind the last entry.
      await cursor.next()
    } finally {
      cursor.close()
    }
  }
}

const entriesOf = async function* (plan: Plan, open: OpenBodies): AsyncGenerator<TreeEntry> {
  yield* withoutBodies(plan)
  for await (const [node, { header, body }] of filesOf(plan, open)) {
    yield { header: { ...header, path: plan.pathOf(node) }, layer: plan.tree.layerOf(node), body }
    yield* linksTo(plan, node)
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
