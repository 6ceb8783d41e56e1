/**
 * `login` and `logout`: where docker keeps credentials, as docker keeps them. In the helper that the file names, else in
 * the file itself: one process at a time, written beside and renamed, readable by its owner only, with all else as it was.
 */

import { randomUUID } from "node:crypto"
import { type FileHandle, mkdir, open, realpath, rename, rm, stat } from "node:fs/promises"
import { dirname } from "node:path"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import { value } from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { codeOf } from "../../api/codeOf.ts"
import { FileSystemFailed, InvalidOption } from "../../api/errors.ts"
import { makeDirectory } from "../../fs/directories.ts"
import { readBounded } from "../../fs/readBounded.ts"
import { syncHandle } from "../../fs/writeAtomic.ts"
import { dockerHub } from "../../image/reference/registryName.ts"
import { type AuthFile, decodeAuthFile, helperOf, longestFile } from "./AuthFile.ts"
import { dockerConfigPath, isMissing } from "./authFiles.ts"
import { eraseByHelper, type HelperFailed, storeByHelper } from "./credentialHelper.ts"
import { hasLogin, withLogin, withoutLogin } from "./editAuths.ts"
import { dockerHubKey } from "./registryKey.ts"

export interface Password {
  readonly username: string
  readonly password: Redacted.Redacted<string>
}

/** Where it was kept: a path, or a helper's name. */
export type SavedLogin = { readonly helper: string } | { readonly path: string }

/** Excludes other processes, and others of this one, from a file until the scope closes. */
export type Exclude = (path: string) => Effect.Effect<void, unknown, Scope.Scope>

const unusable = (problem: string) => new InvalidOption({ option: "DOCKER_CONFIG", problem })

/** A link stays a link: people keep such files elsewhere. */
const place = Effect.gen(function* () {
  const path = yield* dockerConfigPath
  if (path === undefined) return yield* unusable("is needed: the user has no home directory")
  return yield* Effect.orElseSucceed(
    Effect.tryPromise(() => realpath(path)),
    () => path
  )
})

interface Read {
  readonly text: string
  readonly file: AuthFile
}

const read = Effect.fnUntraced(function* (path: string): Effect.fn.Return<Read, InvalidOption> {
  const bytes = yield* readBounded(path, longestFile).pipe(
    Effect.catch((error) => (isMissing(error) ? Effect.succeed(Buffer.alloc(0)) : Effect.fail(error))),
    Effect.mapError(() => unusable(`leads to ${path}, which cannot be read`))
  )
  const file = yield* decodeAuthFile(bytes).pipe(
    Effect.mapError(() => unusable(`leads to ${path}, which is not what docker writes and is left as it is`))
  )
  // A character for each byte: what is not UTF-8 stays, too.
  const text = bytes.toString("latin1")
  return { text: text.trim() === "" ? "{}\n" : text, file }
})

/** Root may log in for somebody: the file stays theirs. */
const keepOwner = async (file: FileHandle, path: string) => {
  const before = await stat(path).catch(() => undefined)
  if (before !== undefined) await file.chown(before.uid, before.gid).catch(() => undefined)
}

const write = async (path: string, text: string) => {
  const beside = `${path}.${randomUUID()}`
  try {
    const file = await open(beside, "wx", 0o600)
    try {
      await keepOwner(file, path)
      await file.writeFile(text, "latin1")
      await syncHandle(file)
    } finally {
      await file.close()
    }
    await rename(beside, path)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}

const makeOwnDirectory = async (path: string) => {
  await makeDirectory(dirname(path))
  await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
    if (codeOf(error) !== "EEXIST") throw error
  })
}

/** What the disk lacks, or has wrong, no other path on it would change. */
const ofTheDisk: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EIO", "EROFS"])

/** Reads the file, changes its text and replaces it, while nobody else does. */
const edit = Effect.fnUntraced(function* (path: string, exclude: Exclude, change: (text: string) => string) {
  const unwritable = (error?: unknown) => {
    const code = codeOf(error) ?? ""
    return ofTheDisk.has(code)
      ? new FileSystemFailed({ operation: "write", path, code })
      : unusable(`leads to ${path}, which cannot be written`)
  }
  yield* Effect.tryPromise({ try: () => makeOwnDirectory(dirname(path)), catch: unwritable })
  yield* Effect.mapError(exclude(path), (error) =>
    codeOf(error) === "ETIMEDOUT" ? unusable(`leads to ${path}, which another process keeps locked`) : unwritable(error)
  )
  const { text } = yield* read(path)
  const changed = change(text)
  yield* decodeAuthFile(Buffer.from(changed, "latin1")).pipe(Effect.mapError(() => unwritable()))
  if (changed !== text) yield* Effect.tryPromise({ try: () => write(path, changed), catch: unwritable })
}, Effect.scoped)

const keyFor = (registry: string) => (registry === dockerHub ? dockerHubKey : registry)

const named = (error: HelperFailed) => unusable(error.problem)

export const saveLogin = Effect.fnUntraced(function* (
  registry: string,
  login: Password,
  exclude: Exclude
): Effect.fn.Return<SavedLogin, InvalidOption | FileSystemFailed> {
  const path = yield* place
  const helper = helperOf((yield* read(path)).file, { registry, repository: "" })
  const key = keyFor(registry)
  if (helper !== undefined) yield* storeByHelper(helper, key, login).pipe(Effect.mapError(named))
  // Beside a helper docker leaves an empty entry, which tells that somebody is logged in there.
  const auth = Buffer.from(`${login.username}:${value(login.password)}`).toString("base64")
  yield* edit(path, exclude, (text) => withLogin(text, registry, key, helper === undefined ? { auth } : {}))
  return helper === undefined ? { path } : { helper }
})

/** False where nobody was logged in, as far as the file tells. */
export const removeLogin = Effect.fnUntraced(function* (
  registry: string,
  exclude: Exclude
): Effect.fn.Return<boolean, InvalidOption | FileSystemFailed> {
  const path = yield* place
  const { text, file } = yield* read(path)
  if (!hasLogin(text, registry)) return false
  const helper = helperOf(file, { registry, repository: "" })
  if (helper !== undefined) yield* eraseByHelper(helper, keyFor(registry)).pipe(Effect.mapError(named))
  yield* edit(path, exclude, (text) => withoutLogin(text, registry))
  return true
})
