/** Lists of the files of trees, by digest, which partial pulls look in: `<root>/tables/<name of the tree>`. */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { list } from "../../fs/directories.ts"
import { listTrees } from "../trees/listTrees.ts"
import { removeTree } from "../trees/removeTree.ts"

export const fileListsIn = (root: string): string => join(root, "tables")

/** Removes those of trees that are gone, and what a process did not live to finish. Only while no pull is running. */
export const forgetFileLists = Effect.fnUntraced(function* (root: string, layersDir: string) {
  const there = new Set((yield* listTrees(layersDir)).map(({ name }) => name))
  const directory = fileListsIn(root)
  for (const name of yield* list(directory)) if (!there.has(name)) yield* removeTree(join(directory, name))
})
