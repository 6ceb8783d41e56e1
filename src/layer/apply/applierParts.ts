/** The parts of the applier of one layer. Each is given only what it needs. */
import type { Limits } from "../../api/config.ts"
import type { Warning } from "../../api/events.ts"
import { Directory, decode } from "../Directory.ts"
import { type ExtractionOptions, extractionOf } from "../ExtractionOptions.ts"
import type { Layout } from "../layout/Layout.ts"
import { layouts } from "../layout/layouts.ts"
import { makeAttributes } from "../metadata/attributes.ts"
import { makeMetadata } from "../metadata/metadata.ts"
import { implied } from "../metadata/ownership.ts"
import { makeStatFile } from "../metadata/StatFile.ts"
import { makeDiskTree } from "./DiskTree.ts"
import { makeDirectories } from "./directories.ts"
import { makeFiles } from "./files.ts"
import { CurrentEntry } from "./rules/CurrentEntry.ts"
import { makeLinks } from "./rules/links.ts"
import { makePathResolver } from "./rules/PathResolver.ts"
import { makeWhiteouts } from "./rules/whiteouts.ts"

export interface ApplierOptions extends ExtractionOptions {
  /** The layer's root: it exists, and is empty unless the layout merges layers. */
  readonly directory: string
  /** Layers were applied to it before, where the layout merges them. Default: it is not empty. */
  readonly hasLower?: boolean | undefined
  /** Digest of the layer's blob, for errors. */
  readonly digest: string
  readonly limits: Limits
  readonly warn: (warning: Warning) => void
  /** Called for each entry, and for each step of long work; throws if the layer is no longer wanted. */
  readonly look?: (() => void) | undefined
  /** The entries are of a merged tree. In it, a file named like a whiteout is an ordinary file. */
  readonly isMerged?: boolean | undefined
}

/** `directory`: the root's real path. */
export const makeParts = (options: ApplierOptions, directory: string) => {
  const { digest, limits, warn, look = () => {}, isMerged = false } = options
  const extraction = extractionOf(options)
  const { ownership, statFormat } = extraction
  const layout: Layout<typeof extraction> = layouts[extraction.layout]
  const root = Directory.root(Buffer.from(directory).toString("latin1"))
  const entry = new CurrentEntry({ digest, limits }, look)
  const { refuse } = entry
  const statFile = makeStatFile(directory, layout.isMerged)
  const attributes = makeAttributes({ directory, digest, ownership, statFormat, warn, refuse })
  /** Directories are being made for a whiteout that is in them. */
  let isHiding = false
  const tree = makeDiskTree({
    root,
    statFile,
    look,
    isWriting: () => layout.merge !== undefined && !isHiding,
    forget: () => within.forget(),
    opaqueRoot: () => {
      const message = "the layer hides all layers beneath it, which overlayfs cannot do: mount it without those layers"
      warn({ _tag: "Warning", code: "OpaqueRoot", message, digest })
    }
  })
  const metadata = makeMetadata({ ownership, attributes, statFile, prefix: tree.prefix })
  const merging = layout.merge?.(tree, extraction)
  const directories = makeDirectories({ tree, entry, metadata, ownership, merging })
  const files = makeFiles({ tree, entry, metadata, attributes, ownership })
  const within = makePathResolver({
    root,
    at: tree.at,
    refuse,
    make: (parent, name) => {
      entry.count()
      directories.make(parent, name, implied).mtime = implied.mtime
    },
    clear: (parent, name) => {
      if (merging?.yields(parent, name) !== true) throw refuse(`${decode(name)}, its parent, is not a directory`)
      // A whiteout node stays for `directories.make`, which must know of it.
      if (parent.whiteouts?.has(name) !== true) tree.vacate(parent, name)
    },
    // A directory of lower layers keeps its time.
    ...(layout.isMerged ? { found: directories.keepTime } : {})
  })
  const makeParents = (names: ReadonlyArray<string>) => {
    isHiding = true
    try {
      return within.parent(names)
    } finally {
      isHiding = false
    }
  }
  const applyWhiteout = isMerged ? () => false : makeWhiteouts({ within, merging, refuse, makeParents })
  const links = makeLinks({
    refusal: entry.refusal,
    within,
    at: tree.at,
    vacate: tree.vacate,
    look,
    join: (parent, name, target) => {
      tree.join(parent, name, target)
      if (attributes.isSupported()) return
      statFile.link(parent.at(name).slice(tree.prefix), target.directory.at(target.name).slice(tree.prefix))
    }
  })
  return { root, entry, layout, tree, statFile, metadata, directories, files, within, applyWhiteout, links }
}
