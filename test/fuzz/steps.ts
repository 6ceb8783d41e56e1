/** What an extraction asks of the disk on its way to its entries: bounded for each entry, whatever links lead there. */
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"

/** The steps of links, the components of a place and of a target, and what is asked of them again at the end. */
const perEntry = 2048 + 8 * 64

let looks = 0
const { lstatSync } = fs
Object.assign(fs, {
  lstatSync: (...how: Parameters<typeof lstatSync>) => {
    looks += 1
    return lstatSync(...how)
  }
})
syncBuiltinESMExports()

export interface Steps {
  /** The applier's `look`: between two of them is one entry, or less. */
  readonly look: () => void
  /** To be called when the extraction is over: the law that it broke. */
  readonly broken: () => string | undefined
}

export const countSteps = (): Steps => {
  let last = looks
  let most = 0
  const look = () => {
    most = Math.max(most, looks - last)
    last = looks
  }
  return {
    look,
    broken: () => {
      look()
      return most > perEntry ? `${most} looks at the disk for one entry` : undefined
    }
  }
}
