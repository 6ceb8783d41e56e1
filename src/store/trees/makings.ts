/**
 * Trees of several makings stand side by side, and the catalogue does not say which image was pulled in which. The trees
 * do: a layer that stands in a making says that an image of it was pulled so. `verify` asks for the rest of that image.
 */
import { isAmong, type Tree } from "../Places.ts"

export interface Made {
  /** The manifest's. */
  readonly digest: string
  readonly layers: ReadonlyArray<{ readonly digest: string }>
}

const digestsOf = ({ layers }: Made) => layers.map(({ digest }) => digest)

const gather = (pairs: Iterable<readonly [key: string, value: string]>) => {
  const sets = new Map<string, Set<string>>()
  for (const [key, value] of pairs) sets.set(key, (sets.get(key) ?? new Set()).add(value))
  return sets
}

/** Where layers have directories of their own: the variants that an image was pulled in and is not whole in. */
export const brokenMakings = (trees: ReadonlyArray<Tree>, images: ReadonlyArray<Made>) => {
  const extracted = trees.filter(({ kind }) => kind === "extracted")
  const makings = [...gather(extracted.map(({ variant, digest }) => [variant, digest]))].sort(([a], [b]) =>
    a < b ? -1 : 1
  )
  const users = gather(images.flatMap((image) => digestsOf(image).map((layer) => [layer, image.digest] as const)))
  const isWhole = (image: Made, there: ReadonlySet<string>) => digestsOf(image).every((layer) => there.has(layer))
  const used = new Map(
    makings.map(([variant, there]) => [
      variant,
      new Set(images.filter((image) => isWhole(image, there)).flatMap(digestsOf))
    ])
  )
  return (image: Made): ReadonlyArray<string> => {
    // A layer that others have too may be there for them: it says nothing of an image that is whole elsewhere.
    const isElsewhere = isAmong(trees, image.digest, image.layers)
    return makings.flatMap(([variant, there]) => {
      const speaks = (layer: string) =>
        there.has(layer) && (isElsewhere ? users.get(layer)?.size === 1 : used.get(variant)?.has(layer) !== true)
      return !isWhole(image, there) && digestsOf(image).some(speaks) ? [variant] : []
    })
  }
}
