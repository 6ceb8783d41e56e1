/** The trees of the store that have an index of their files. An index without a tree, which a removal leaves, goes. */
import { rename } from "node:fs/promises"
import { basename, join } from "node:path"
import * as Effect from "effect/Effect"
import { list } from "../../fs/directories.ts"
import { removeFile, syscall } from "../../fs/syscall.ts"
import type { IndexedTree } from "../../layer/partial/Table.ts"
import { Directories } from "../../store/directories/Directories.ts"
import { readTreeName } from "../../store/trees/TreePaths.ts"
import { Trees } from "../../store/trees/Trees.ts"

/** Most trees whose files are looked for. */
const mostTrees = 256

/** The index of a tree that is being made has another name. */
export const indexedTrees = Effect.gen(function* () {
  const { layersDir } = yield* Directories
  const { has, indexes } = yield* Trees
  const trees: Array<IndexedTree> = []
  for (const name of yield* list(indexes)) {
    if (readTreeName(name) === undefined) continue
    const [index, directory] = [join(indexes, name), join(layersDir, name)]
    if (!(yield* has(directory))) yield* removeFile(index)
    else if (trees.length < mostTrees) trees.push({ index, directory })
  }
  return trees
})

/** To be run once the tree has its name. */
export const keepIndex = Effect.fnUntraced(function* (made: string, tree: string) {
  const { indexes } = yield* Trees
  const to = join(indexes, basename(tree))
  yield* syscall("rename", to, () => rename(made, to))
})
