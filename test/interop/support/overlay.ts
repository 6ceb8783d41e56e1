/** What an overlay of an image's layers shows besides the tree that they merge to. */
import type { RandomImage } from "../../../src/testing/index.ts"
import { everythingBeneath } from "./oracle.ts"
import type { Node } from "./tree.ts"

/** An overlay shows what the highest directory says, and one that is there for its whiteouts says nothing true. */
export const withoutDirectories = (node: Node, path: string) =>
  node.kind === "directory" ? node.kind : everythingBeneath(node, path)

/**
 * Directories that a layer has for its whiteouts alone, although the layers beneath have none: one of them hid it before. No layer
 * can know that of another, so the layout `overlay` has an empty directory, and the kernel shows it. What a layer hides itself is none.
 */
export const bareIn = ({ entries }: RandomImage): ReadonlySet<string> => {
  const bare = new Set<string>()
  for (const layer of entries) {
    const hidden = new Set(layer.flatMap(({ type, path }) => (type === "whiteout" ? [path] : [])))
    for (const { type, path } of layer) {
      if (type !== "whiteout" && type !== "opaque") continue
      const names = path.split("/")
      const depth = type === "whiteout" ? names.length - 1 : names.length
      for (let length = 1; length <= depth; length++) {
        const place = names.slice(0, length).join("/")
        if (hidden.has(place)) break
        bare.add(Buffer.from(place).toString("latin1"))
      }
    }
  }
  return bare
}

export const withoutBare = (actual: Map<string, Node>, expected: Map<string, Node>, bare: ReadonlySet<string>) => {
  const kept = new Map(actual)
  // The deepest first: what held only such directories is one itself.
  for (const [path, { kind }] of [...actual].sort(([a], [b]) => (a < b ? 1 : -1))) {
    if (kind !== "directory" || !bare.has(path) || expected.has(path)) continue
    if (![...kept.keys()].some((other) => other.startsWith(`${path}/`))) kept.delete(path)
  }
  return kept
}
