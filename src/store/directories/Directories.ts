/**
 * The store's own directories. Their content is run, read and removed by name, so nobody else may put anything there.
 * Layers contain setuid programs, and files that everybody can write to, so nobody else may enter either.
 */
import { mkdir, stat } from "node:fs/promises"
import { dirname, join, resolve, sep } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { codeOf } from "../../api/codeOf.ts"
import type { Access, Ownership } from "../../api/config.ts"
import { InvalidOption, type Reason, UnsafeStore } from "../../api/errors.ts"
import type { Emit } from "../../api/events.ts"
import { makeDirectory, setMode } from "../../fs/directories.ts"
import { inHome } from "../../fs/home.ts"
import { ifMissing, syscall } from "../../fs/syscall.ts"
import { hashAlgorithms } from "../../image/reference/hashAlgorithms.ts"
import { environmentVariable } from "../../seams/environmentVariable.ts"
import { fileName } from "../trees/TreePaths.ts"
import { directoryExposure, ownershipProblem } from "./directoryExposure.ts"
import { makeLayersOwner } from "./LayersOwner.ts"
import { refuseLink } from "./refuseLink.ts"

export interface DirectoryOptions {
  /** Default: `OCIFLOW_HOME`, else `~/.ociflow`. */
  readonly root?: string | undefined
  /** Default: `<root>/layers`. */
  readonly layersDir?: string | undefined
  /** What other users may do with these directories. Default `private`. */
  readonly access?: Access | undefined
  /** The ownership of the trees. With `chown`, setuid programs in them are real. */
  readonly ownership?: Ownership | undefined
  /** Where warnings go. */
  readonly emit?: Emit | undefined
  /** Rules for signatures: without any, none are kept. */
  readonly verify?: unknown
}

interface Paths {
  readonly root: string
  readonly layersDir: string
}

const defaultRoot = Effect.map(environmentVariable("OCIFLOW_HOME"), (path) => path ?? inHome(".ociflow")[0])

/** Modes of new directories, whatever the umask is; `undefined`: by the umask. */
const modes: Readonly<Record<Access, number | undefined>> = { private: 0o700, readable: 0o755, writable: undefined }

/** Only the store uses these, so they are private, whatever the umask is. */
const own = ({ root, layersDir }: Paths) => [
  ...["documents", "fingerprints", "locks", "partial", "proofs", "pulls", "references", "signatures"].map((name) =>
    join(root, name)
  ),
  join(layersDir, ".staging")
]

/** Those that are made before they are written to. */
const needed = ({ verify, ...paths }: Paths & Pick<DirectoryOptions, "verify">) =>
  own(paths).filter((path) => verify !== undefined || path !== join(paths.root, "signatures"))

/** Directories within those with predictable names: in a store that others can write to, one may be a link. */
const nested = ({ root }: Paths) => [
  ...[...hashAlgorithms.keys()].map((algorithm) => join(root, "documents", algorithm)),
  join(root, "locks", "held")
]

const identityOf = (path: string) =>
  Effect.map(ifMissing(syscall("stat", path, () => stat(path))), (it) =>
    it === undefined ? undefined : [it.dev, it.ino, it.uid, it.gid, it.mode].join(":")
  )

const makeDirectories = (options: DirectoryOptions & Paths) => {
  const { root, layersDir, access = "private", ownership, emit = () => {} } = options
  const user = process.geteuid?.()
  const top = [...new Set([root, layersDir])]
  const owner = makeLayersOwner(root, layersDir)
  let known = ""
  let claimed = false
  const told = new Set<string>()
  const warn = (message: string) => {
    if (!told.has(message)) emit({ _tag: "Warning", code: "StoreExposed", message })
    told.add(message)
  }

  /** A link in place of one would redirect writes and removals to somebody else's directory. */
  const checkWithin = Effect.fnUntraced(function* (entered: boolean) {
    yield* Effect.forEach(nested(options), refuseLink, { discard: true })
    yield* Effect.forEach(
      [...own(options), join(layersDir, ".gone")],
      Effect.fnUntraced(function* (path) {
        const found = yield* refuseLink(path)
        if (found === undefined || user === undefined || !entered) return
        const theirs = yield* Effect.promise(() => ownershipProblem(found, user))
        if (theirs !== undefined) return yield* new UnsafeStore({ path, problem: theirs })
      }),
      { discard: true }
    )
  })

  /** Returns whether others can enter it. */
  const look = Effect.fnUntraced(function* (path: string, uid: number) {
    const { theirs, beneath, entered } = yield* syscall("stat", path, () => directoryExposure(path, uid))
    if (theirs !== undefined) return yield* new UnsafeStore({ path, problem: theirs })
    // The warnings below were given for the root already.
    if (path.startsWith(root + sep)) return entered
    if (beneath !== undefined) {
      warn(`other users may put another directory in the place of ${path}: they may write to ${beneath}`)
    }
    if (!entered || access === "readable") return entered
    const problem = "can be entered by other users, who could run setuid programs from its layers"
    if (ownership === "chown") return yield* new UnsafeStore({ path, problem })
    warn(`${path} can be entered by other users: they can read its layers, and change files that all may write to`)
    return true
  })

  /**
   * Fails with `UnsafeStore` if a directory is not safe to use. Returns those that do not exist. Two system calls as
   * long as nothing has changed.
   */
  const check = Effect.gen(function* () {
    const identities = yield* Effect.forEach(top, identityOf, { concurrency: "unbounded" })
    const missing = top.filter((_, i) => identities[i] === undefined)
    const found = identities.join(" ")
    if (found === known && access !== "writable") return missing
    // On Windows there are no such users and modes.
    let entered = false
    if (user !== undefined && access !== "writable")
      for (const [i, path] of top.entries())
        if (identities[i] !== undefined && (yield* look(path, user))) entered = true
    yield* checkWithin(entered)
    yield* owner.check
    known = found
    claimed = false
    return missing
  })

  const makeOne = (path: string, mode: number | undefined) =>
    syscall("mkdir", path, () =>
      mkdir(path, mode).then(
        () => (mode === undefined ? undefined : setMode(path, mode)),
        (error: unknown) => {
          if (codeOf(error) !== "EEXIST") throw error
        }
      )
    )

  const makeTop = (path: string) =>
    Effect.andThen(
      syscall("mkdir", path, () => makeDirectory(dirname(path))),
      makeOne(path, modes[access])
    )

  /** The same, and creates what is missing. */
  const make = Effect.gen(function* () {
    const missing = yield* check
    yield* Effect.forEach(missing, makeTop)
    if (missing.length > 0) yield* check
    if (claimed) return
    yield* owner.claim
    if (access !== "writable") yield* Effect.forEach(needed(options), (path) => makeOne(path, 0o700), { discard: true })
    claimed = true
  })

  return { check: Effect.asVoid(check), make }
}

export class Directories extends Context.Service<
  Directories,
  {
    readonly root: string
    readonly layersDir: string
    /** Path of the lock with this name. */
    readonly lockPath: (name: string) => string
    /** Path of a blob's partial download. */
    readonly partialPath: (digest: string) => string
    /** Fails with `UnsafeStore` or `InvalidOption` if a directory may not be used. */
    readonly check: Effect.Effect<void, Reason>
    /** The same, and creates what is missing. */
    readonly make: Effect.Effect<void, Reason>
  }
>()("ociflow/store/Directories") {
  /** Touches nothing. */
  static layer(options: DirectoryOptions): Layer.Layer<Directories, Reason> {
    return Layer.effect(
      Directories,
      Effect.gen(function* () {
        const at = options.root ?? (yield* defaultRoot)
        if (at === undefined)
          return yield* new InvalidOption({
            option: "root",
            problem: "is needed, or the variable OCIFLOW_HOME: the user has no home directory"
          })
        const root = resolve(at)
        const layersDir = resolve(options.layersDir ?? join(root, "layers"))
        return Directories.of({
          root,
          layersDir,
          lockPath: (name) => join(root, "locks", fileName(name)),
          partialPath: (digest) => join(root, "partial", fileName(digest)),
          ...makeDirectories({ ...options, root, layersDir })
        })
      })
    )
  }
}
