/**
 * `login` and `logout`: where docker keeps credentials, as docker keeps them. In the helper that the file names, else in
 * the file itself: written beside and renamed, readable by its owner only, with every other key left as it is.
 */
import { mkdir, open, readFile, realpath, rename, rm } from "node:fs/promises"
import { dirname } from "node:path"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import { value } from "effect/Redacted"
import { InvalidOption } from "../../api/errors.ts"
import { parseJson } from "../../image/json.ts"
import { dockerHub } from "../../image/reference/registryName.ts"
import { decodeAuthFile, helperOf } from "./AuthFile.ts"
import { dockerConfigPath, isMissing } from "./authFiles.ts"
import { eraseByHelper, type HelperFailed, storeByHelper } from "./credentialHelper.ts"
import { dockerHubKey, normalizeKey } from "./doorKey.ts"

export interface Password {
  readonly username: string
  readonly password: Redacted.Redacted<string>
}

/** Where it was kept: a path, or a helper's name. */
export type Kept = { readonly helper: string } | { readonly path: string }

type Entries = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Entries =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const unusable = (problem: string) => new InvalidOption({ option: "DOCKER_CONFIG", problem })

/** A link stays a link: people keep such files elsewhere. */
const place = Effect.flatMap(dockerConfigPath, (path) =>
  Effect.tryPromise(() => realpath(path)).pipe(Effect.orElseSucceed(() => path))
)

const read = Effect.fnUntraced(function* (path: string) {
  const bytes = yield* Effect.tryPromise({ try: () => readFile(path), catch: (error) => error }).pipe(
    Effect.catch((error) => (isMissing(error) ? Effect.succeed(Buffer.from("{}")) : Effect.fail(error))),
    Effect.mapError(() => unusable(`${path} cannot be read`))
  )
  const refuse = () => unusable(`${path} is not what docker writes: it is left as it is`)
  const file = yield* decodeAuthFile(bytes).pipe(Effect.mapError(refuse))
  const json = yield* parseJson(bytes).pipe(Effect.mapError(refuse))
  return { file, json: isObject(json) ? json : {} }
})

const write = (path: string, json: Entries) =>
  Effect.tryPromise({
    try: async () => {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      const beside = `${path}.${process.pid}`
      try {
        const file = await open(beside, "wx", 0o600)
        try {
          await file.writeFile(`${JSON.stringify(json, null, "\t")}\n`)
          await file.sync()
        } finally {
          await file.close()
        }
        await rename(beside, path)
      } catch (error) {
        await rm(beside, { force: true })
        throw error
      }
    },
    catch: () => unusable(`${path} cannot be written`)
  })

const keyFor = (registry: string) => (registry === dockerHub ? dockerHubKey : registry)

/** All spellings of one registry but its parts. */
const without = (auths: unknown, registry: string): Entries =>
  Object.fromEntries(Object.entries(isObject(auths) ? auths : {}).filter(([key]) => normalizeKey(key) !== registry))

const named = (error: HelperFailed) => unusable(error.problem)

export const keepLogin = Effect.fnUntraced(function* (
  registry: string,
  login: Password
): Effect.fn.Return<Kept, InvalidOption> {
  const path = yield* place
  const { file, json } = yield* read(path)
  const helper = helperOf(file, { registry, repository: "" })
  const key = keyFor(registry)
  if (helper !== undefined) yield* storeByHelper(helper, key, login).pipe(Effect.mapError(named))
  // Beside a helper docker leaves an empty entry, which tells that somebody is logged in there.
  const auth = Buffer.from(`${login.username}:${value(login.password)}`).toString("base64")
  const entry = helper === undefined ? { auth } : {}
  yield* write(path, { ...json, auths: { ...without(json["auths"], registry), [key]: entry } })
  return helper === undefined ? { path } : { helper }
})

/** False where nobody was logged in, as far as the file tells. */
export const forgetLogin = Effect.fnUntraced(function* (registry: string): Effect.fn.Return<boolean, InvalidOption> {
  const path = yield* place
  const { file, json } = yield* read(path)
  const before = Object.keys(file.auths ?? {}).length
  const auths = without(json["auths"], registry)
  const known = Object.keys(auths).length < before
  const helper = helperOf(file, { registry, repository: "" })
  if (helper !== undefined && known) yield* eraseByHelper(helper, keyFor(registry)).pipe(Effect.mapError(named))
  if (known) yield* write(path, { ...json, auths })
  return known
})
