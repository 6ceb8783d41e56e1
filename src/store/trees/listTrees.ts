/** The trees on disk. */
import * as Effect from "effect/Effect"
import { listAt } from "../../fs/directories.ts"
import { goneIn } from "./goneMarks.ts"
import { readTreeName, type Tree } from "./TreePaths.ts"

/** All trees, made with whatever options, but for those that are marked as gone. */
export const listTrees = Effect.fnUntraced(function* (layersDir: string) {
  const names = yield* listAt(layersDir)
  const gone = yield* goneIn(layersDir)
  return names.flatMap((name): ReadonlyArray<Tree> => {
    const tree = readTreeName(name)
    return tree === undefined || gone.has(name) ? [] : [tree]
  })
})
