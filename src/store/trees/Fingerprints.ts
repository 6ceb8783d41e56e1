/**
 * What each tree looked like when it was finished: `<root>/fingerprints/<name of the tree>`. Trees in different
 * directories can have the same name, so the path is recorded too, relative to the root, since the root can be moved.
 */
import { basename, join, relative, resolve } from "node:path"
import * as Effect from "effect/Effect"
import type { FileSystemFailed } from "../../api/errors.ts"
import { isDirectory, list } from "../../fs/directories.ts"
import { readOwn } from "../../fs/openRegular.ts"
import { removeFile } from "../../fs/syscall.ts"
import { writeAtomic } from "../../fs/writeAtomic.ts"
import { removeTree } from "./removeTree.ts"

export interface Fingerprints {
  /** Path of the fingerprint's file. */
  readonly pathOf: (tree: string) => string
  /**
   * The fingerprint of the tree at this path; `undefined` if unknown, and of a tree that was proven by a table only: such a tree
   * must never stand for its diffID.
   */
  readonly find: (path: string) => Effect.Effect<string | undefined, FileSystemFailed>
  /** The same, of a tree that was proven by its layer's table of contents only, too. */
  readonly findAny: (path: string) => Effect.Effect<KnownTree | undefined, FileSystemFailed>
  /** To be called before the tree gets its name. `table`: that its layer was proven by, in place of its diffID. */
  readonly keep: (path: string, fingerprint: string, table?: string) => Effect.Effect<void, FileSystemFailed>
  /** To be called after the tree has lost its name. */
  readonly forget: (path: string) => Effect.Effect<void, FileSystemFailed>
  /** Removes fingerprints without a tree, which a crash leaves. Only while no pull is running. */
  readonly forgetStrays: Effect.Effect<void, FileSystemFailed>
}

/** What is recorded of a tree. */
export interface KnownTree {
  readonly fingerprint: string
  /** The digest of the table of contents that its files were proven by; absent where the layer's diffID was proven. */
  readonly table?: string
}

/**
 * A power cut may have cut it short. A table's digest comes first: without it, the rest is not a record. A version that
 * does not know tables takes the whole for no record.
 */
const pattern = /^(?:table ([a-z0-9]+:[0-9a-f]+) )?([a-z0-9-]+:[0-9a-f]{64}) (.*)\n$/s

export const makeFingerprints = (root: string): Fingerprints => {
  const directory = join(root, "fingerprints")
  const at = (path: string) => join(directory, basename(path))
  const forgetStray = Effect.fnUntraced(function* (name: string) {
    const file = join(directory, name)
    const text = (yield* readOwn(file)) ?? ""
    const [, , , tree] = pattern.exec(text) ?? []
    const path = tree === undefined ? undefined : resolve(root, tree)
    // One that was being written has another name than its tree.
    const isKept = path !== undefined && basename(path) === name && (yield* isDirectory(path))
    if (!isKept) yield* removeTree(file)
  })
  const findAny = (path: string) =>
    Effect.map(readOwn(at(path)), (text = ""): KnownTree | undefined => {
      const [, table, fingerprint, tree] = pattern.exec(text) ?? []
      if (fingerprint === undefined || tree !== relative(root, path)) return undefined
      return table === undefined ? { fingerprint } : { fingerprint, table }
    })
  return {
    pathOf: at,
    find: (path) => Effect.map(findAny(path), (known) => (known?.table === undefined ? known?.fingerprint : undefined)),
    findAny,
    keep: (path, fingerprint, table) => {
      const proof = table === undefined ? "" : `table ${table} `
      const bytes = Buffer.from(`${proof}${fingerprint} ${relative(root, path)}\n`)
      return writeAtomic(at(path), bytes, `${at(path)}.tmp`, { lasting: false })
    },
    forget: (path) => removeFile(at(path)),
    forgetStrays: Effect.flatMap(list(directory), (names) => Effect.forEach(names, forgetStray, { discard: true }))
  }
}
