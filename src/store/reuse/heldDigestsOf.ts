/** What is held of an image. A layer may have its files in the tree of another blob. */
import { basename } from "node:path"
import { readTreeName } from "../trees/TreePaths.ts"

interface Standing {
  readonly manifestDigest: string
  readonly layers: ReadonlyArray<{ readonly digest: string; readonly path: string }>
}

/** The digests by which an image's trees are held. */
export const heldDigestsOf = ({ manifestDigest, layers }: Standing): ReadonlyArray<string> => [
  manifestDigest,
  ...layers.flatMap(({ digest, path }) => [digest, readTreeName(basename(path))?.digest ?? digest])
]
