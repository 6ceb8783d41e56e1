import { type Directory, ownName } from "../Directory.ts"

/** What a layout does where layers meet. `layers` has none of this. */
export interface Layout {
  /** The layer hides `name` of lower layers. */
  readonly hide: (directory: Directory, name: string) => void
  /** The layer hides all that lower layers have in the directory. */
  readonly hideAll: (directory: Directory) => void
  /** May what stands at `name`, where a directory is needed, be replaced by one? */
  readonly yields: (directory: Directory, name: string) => boolean
  /** A whiteout of this layer has given way to the directory `child`. */
  readonly unhidden: (child: Directory) => void
}

/** The layer wrote `name`: it and the directories above it survive this layer's own whiteouts. */
export const markWritten = (directory: Directory, name: string): void => {
  let entry = name
  for (let place: Directory | undefined = directory; place !== undefined; place = place.parent) {
    place.written ??= new Set()
    if (place.written.has(entry)) return
    place.written.add(ownName(entry))
    entry = place.name
  }
}
