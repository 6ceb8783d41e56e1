/** Which of a tree's paths are wanted, and under what names: the options `only` and `strip`. */
import { createHash } from "node:crypto"

export interface Selection {
  /** The paths that are wanted, each as its components (binary strings); absent where all are. No path begins with another. */
  readonly only: ReadonlyArray<ReadonlyArray<string>> | undefined
  /** Leading components that are dropped. */
  readonly strip: number
}

export interface SelectionOptions {
  readonly only?: string | ReadonlyArray<string> | undefined
  readonly strip?: number | undefined
}

const componentsOf = (path: string): ReadonlyArray<string> =>
  Buffer.from(path)
    .toString("latin1")
    .split("/")
    .filter((name) => name !== "" && name !== ".")

const isBeneath = (names: ReadonlyArray<string>, above: ReadonlyArray<string>): boolean =>
  above.length <= names.length && above.every((name, at) => name === names[at])

export const selectionOf = ({ only, strip = 0 }: SelectionOptions): Selection => {
  if (only === undefined) return { only, strip }
  const given = (typeof only === "string" ? [only] : only).map(componentsOf)
  const distinct = given.filter(
    (names, at) =>
      !given.some(
        (other, place) => place !== at && isBeneath(names, other) && (place < at || other.length < names.length)
      )
  )
  return { only: distinct.some((names) => names.length === 0) ? undefined : distinct, strip }
}

/** All of the tree, under its own names. */
export const isWhole = ({ only, strip }: Selection): boolean => only === undefined && strip === 0

/**
 * Names a selection, in 32 letters from `a` to `p`: of two selections of one part it is the same. A hash, since paths
 * may be long.
 */
export const selectionKey = ({ only, strip }: Selection): string => {
  const paths = only?.map((names) => names.join("/")).toSorted()
  const hex = createHash("sha256")
    .update(JSON.stringify([paths ?? null, strip]))
    .digest("hex")
    .slice(0, 32)
  return hex.replace(/./g, (digit) => String.fromCharCode(97 + Number.parseInt(digit, 16)))
}
