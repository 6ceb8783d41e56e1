import { type Directory, ownName } from "../Directory.ts"

/** The tree that a layer is written into, as far as a layout may change it. */
export interface Tree {
  readonly root: Directory
  /** Removes what stands at a name, if anything does. */
  readonly vacate: (directory: Directory, name: string) => void
  readonly namesIn: (directory: Directory) => ReadonlyArray<string>
  /** Asked of the disk: where case does not count, a name may have become a link. */
  readonly isDirectory: (directory: Directory) => boolean
  /** A character device 0:0. False where the system refuses. */
  readonly makeWhiteoutNode: (path: string) => boolean
  /** An empty file where nothing stands. */
  readonly makeFile: (path: string) => void
  /** Sets an attribute of a file or a directory. Returns the system's code if it refuses. */
  readonly setAttribute: (path: string, name: string, value: string) => string | undefined
  /** Warns that the layer's root hides all layers beneath it, which the layout cannot express. */
  readonly opaqueRoot: () => void
}

/** What a layout does where layers meet. */
export interface Merging {
  /** The layer hides `name` of lower layers. */
  readonly hide: (directory: Directory, name: string) => void
  /** The layer hides all that lower layers have in the directory. */
  readonly hideAll: (directory: Directory) => void
  /** A whiteout in a directory that does not exist: false where it then hides nothing, true where the directory is made for it. */
  readonly makesParents: boolean
  /** May what stands at `name`, where a directory is needed, be replaced by one? */
  readonly yields: (directory: Directory, name: string) => boolean
  /** A whiteout of this layer has given way to the directory `child`. */
  readonly unhidden: (child: Directory) => void
}

/** One of the forms that the layers of an image may take on disk. A file of this folder makes each. */
export interface Layout<Options> {
  /** For the help of the command line. */
  readonly description: string
  /** All layers of an image in one directory, in place of a directory for each. */
  readonly isMerged: boolean
  /** One file, in place of a directory. Owners, modes and attributes in it are those of the image, whatever the options say. */
  readonly isFile?: boolean
  /** Parts of the tree's name, in letters: trees of two layouts never have the same. Empty for the default. */
  readonly variant: (options: Options) => ReadonlyArray<string>
  /** Applies whiteouts. Absent where they stay the plain files `.wh.…` that the archive has. */
  readonly merge?: (tree: Tree, options: Options) => Merging
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
