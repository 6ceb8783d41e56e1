/**
 * A directory of layers outside its root records which root it belongs to. Another root does not know that one's
 * images, and would remove their layers.
 *
 *     <root>/id          a random name
 *     <layersDir>/.root  the same name, and where the root was when it was last used
 */
import { randomUUID } from "node:crypto"
import { link, stat, unlink } from "node:fs/promises"
import { basename, dirname, isAbsolute, join, relative } from "node:path"
import * as Effect from "effect/Effect"
import { InvalidOption } from "../../api/errors.ts"
import { readOwn } from "../../fs/openRegular.ts"
import { ifMissing, recoverFrom, syscall } from "../../fs/syscall.ts"
import { openNew, ownMode, writeAtomic } from "../../fs/writeAtomic.ts"
import * as Shape from "../../image/json/Shape.ts"

const Owner = Shape.fromJsonString(Shape.Struct({ id: Shape.String, root: Shape.String }))
type Owner = typeof Owner.Type

const idPath = (root: string) => join(root, "id")
const ownerPath = (layersDir: string) => join(layersDir, ".root")

const exists = (path: string) =>
  Effect.map(ifMissing(syscall("stat", path, () => stat(path))), (found) => found !== undefined)

const inode = (path: string) =>
  Effect.map(ifMissing(syscall("stat", path, () => stat(path))), (it) =>
    it === undefined ? path : `${it.dev}:${it.ino}`
  )

/** Creates a file; `false` if it exists already. */
const writeFirst = (path: string, text: string) =>
  Effect.gen(function* () {
    const beside = `${path}.${randomUUID()}`
    yield* syscall("write", path, async () => {
      const file = await openNew(beside, ownMode)
      await file.writeFile(text).finally(() => file.close())
    })
    const linked = syscall("link", path, () => link(beside, path)).pipe(Effect.as(true), recoverFrom(["EEXIST"], false))
    return yield* Effect.ensuring(
      linked,
      Effect.promise(() => unlink(beside).catch(() => undefined))
    )
  })

export const makeLayersOwner = (root: string, layersDir: string) => {
  const way = relative(root, layersDir)
  const isWithin = !way.startsWith("..") && !isAbsolute(way)
  const path = ownerPath(layersDir)

  const read = Effect.map(readOwn(path), (text = "") => Shape.orUndefined(Owner)(text))

  /** The record counts as long as the root at its path has its name. A root that was moved writes its record again. */
  const isOurs = Effect.fnUntraced(function* (owner: Owner) {
    if (owner.root === root || (yield* inode(owner.root)) === (yield* inode(root))) return true
    return (yield* readOwn(idPath(owner.root))) !== owner.id
  })

  const refuse = (owner: string) =>
    new InvalidOption({
      option: "layersDir",
      problem: `names ${layersDir}, which belongs to the store at ${owner}; a directory of layers can belong to one store only`
    })

  /** Fails with `InvalidOption` where the directory is another root's. */
  const check = Effect.gen(function* () {
    const owner = yield* read
    if (owner !== undefined && !(yield* isOurs(owner))) return yield* refuse(owner.root)
    const above = dirname(layersDir)
    // A directory inside its root needs no record.
    const isOther = owner === undefined && !isWithin && basename(layersDir) === "layers"
    if (isOther && (yield* exists(join(above, "oci.db")))) return yield* refuse(above)
  })

  /** The same, and records this root as the owner. Both directories must exist. */
  const claim = Effect.gen(function* () {
    yield* check
    if (isWithin) return
    if ((yield* readOwn(idPath(root))) === undefined) yield* writeFirst(idPath(root), randomUUID())
    const id = (yield* readOwn(idPath(root))) ?? ""
    const text = JSON.stringify({ id, root })
    if (yield* writeFirst(path, text)) return
    yield* check
    const owner = yield* read
    if (owner?.id !== id || owner.root !== root)
      yield* writeAtomic(path, Buffer.from(text), `${path}.${randomUUID()}`, { lasting: false, mode: ownMode })
  })

  return { check, claim }
}
