/** Files in docker's form: docker's own `config.json`, podman's `auth.json`, and the same text in a variable. */

import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Emit } from "../../api/events.ts"
import { isObject } from "../../image/json/isObject.ts"
import { fieldsOf, parseJson } from "../../image/json/parseJson.ts"
import * as Shape from "../../image/json/Shape.ts"
import { askHelper } from "./credentialHelper.ts"
import { type Login, loginOf, type RepositoryName } from "./Login.ts"
import { entryFor } from "./registryKey.ts"

const text = Shape.optionalKey(Shape.String)
const Entry = Shape.Struct({ auth: text, username: text, password: text, identitytoken: text, registrytoken: text })
export const AuthFile = Shape.Struct({
  auths: Shape.optionalKey(Shape.Record(Entry)),
  credHelpers: Shape.optionalKey(Shape.Record(Shape.String)),
  credsStore: text
})
export type AuthFile = typeof AuthFile.Type

/** Bytes of a file that are read. */
export const longestFile = 2 ** 20

export const decodeAuthFile = (bytes: Uint8Array): Effect.Effect<AuthFile, unknown> =>
  bytes.length > longestFile
    ? Effect.fail("too large")
    : parseAuthFile(bytes).pipe(Effect.map(asGoReads), Effect.flatMap(Shape.decode(AuthFile)))

/** To docker an empty file is as good as none. */
const parseAuthFile = (bytes: Uint8Array) =>
  Buffer.from(bytes).toString().trim() === "" ? Effect.succeed({}) : parseJson(bytes)

const fields = fieldsOf(Object.keys(AuthFile.fields))
const entryFields = fieldsOf(Object.keys(Entry.fields))

const asGoReads = (json: unknown): unknown => {
  const file = fields(json)
  if (!isObject(file) || !isObject(file["auths"])) return file
  const { auths } = file
  return { ...file, auths: Object.fromEntries(Object.entries(auths).map(([key, entry]) => [key, entryFields(entry)])) }
}

/** `user:password` in base64, as docker writes it; the password may hold colons, or be empty beside a token. */
const decodeAuth = (auth: string): readonly [username: string, password: string] | undefined => {
  const plain = Buffer.from(auth, "base64").toString().replace(/\0+$/, "")
  const colon = plain.indexOf(":")
  return colon < 1 ? undefined : [plain.slice(0, colon), plain.slice(colon + 1)]
}

const loginOfEntry = (entry: typeof Entry.Type): Option.Option<Login> => {
  if (entry.registrytoken) return Option.some(loginOf({ registryToken: entry.registrytoken }))
  const [username, password] =
    (entry.auth ? decodeAuth(entry.auth) : undefined) ?? ([entry.username, entry.password] as const)
  if (entry.identitytoken) {
    const login = loginOf({ identityToken: entry.identitytoken })
    return Option.some(username ? { ...login, username } : login)
  }
  return username && password ? Option.some(loginOf({ username, password })) : Option.none()
}

/** The helper that has the credentials of a repository. */
export const helperOf = ({ credHelpers = {}, credsStore }: AuthFile, target: RepositoryName): string | undefined =>
  entryFor(credHelpers, target) || credsStore || undefined

/**
 * A helper that is named for this very registry, else the one for all, else what is written in the file. A helper that
 * does not work is a warning: what it would have known may not be needed.
 */
export const loginIn = Effect.fnUntraced(function* (
  file: AuthFile,
  target: RepositoryName,
  emit: Emit
): Effect.fn.Return<Option.Option<Login>> {
  const helper = helperOf(file, target)
  if (helper !== undefined) {
    const found = yield* askHelper(helper, target.registry).pipe(
      Effect.catch(({ problem }) =>
        Effect.sync(() => {
          emit({
            _tag: "Warning",
            code: "CredentialHelperFailed",
            message: `${problem}; its credentials are ignored`
          })
          return Option.none<Login>()
        })
      )
    )
    if (Option.isSome(found)) return found
  }
  return Option.flatMap(Option.fromUndefinedOr(entryFor(file.auths ?? {}, target)), loginOfEntry)
})
