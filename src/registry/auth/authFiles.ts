/** Where credentials are kept on this machine. Each is read anew for each pull, since people log in meanwhile. */

import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { codeOf } from "../../api/codeOf.ts"
import type { WarningCode } from "../../api/events.ts"
import { inHome } from "../../fs/home.ts"
import { readBounded } from "../../fs/readBounded.ts"
import { environmentVariable } from "../../seams/environmentVariable.ts"
import { type AuthFile, decodeAuthFile, loginIn, longestFile } from "./AuthFile.ts"
import type { CredentialSource } from "./Login.ts"

export const isMissing = (error: unknown): boolean => /^(?:ENOENT|ENOTDIR)$/.test(codeOf(error))

/** `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`; `undefined` for a user without a home directory. */
export const dockerConfigPath: Effect.Effect<string | undefined> = Effect.map(
  environmentVariable("DOCKER_CONFIG"),
  (directory) => (directory === undefined ? inHome(".docker/config.json")[0] : join(directory, "config.json"))
)

/** A file that is there and of no use is a warning. Nothing of it is quoted: it holds passwords. */
const unusable = (code: WarningCode, from: string) => ({
  _tag: "Warning" as const,
  code,
  message: `${from} cannot be used; its credentials are ignored`
})

/** `undefined` where there is no such file. */
export const readAuthFile = (path: string, isAbsent = isMissing): Effect.Effect<AuthFile | undefined, unknown> =>
  readBounded(path, longestFile).pipe(
    Effect.flatMap(decodeAuthFile),
    Effect.catch((error) => (isAbsent(error) ? Effect.undefined : Effect.fail(error)))
  )

const fromFile =
  (path: string, code: WarningCode, isAbsent?: typeof isMissing): CredentialSource =>
  (target, emit) =>
    readAuthFile(path, isAbsent).pipe(
      Effect.catch(() => Effect.sync(() => void emit(unusable(code, path)))),
      Effect.flatMap((file) => (file === undefined ? Effect.succeedNone : loginIn(file, target, emit)))
    )

export const fromDockerConfig: CredentialSource = (target, emit) =>
  Effect.flatMap(dockerConfigPath, (path) =>
    path === undefined ? Effect.succeedNone : fromFile(path, "DockerConfigUnusable")(target, emit)
  )

/**
 * Where podman keeps logins of a session that has no runtime directory: root's, those of cron and of many a container. Where
 * root has used podman the directory is root's alone, and other users have no file in it.
 */
const runtimeOfUser: CredentialSource = (target, emit) => {
  const user = process.getuid?.()
  if (user === undefined || process.platform === "darwin") return Effect.succeedNone
  const isAbsent = (error: unknown) => isMissing(error) || codeOf(error) === "EACCES"
  return fromFile(`/run/containers/${user}/auth.json`, "AuthFileUnusable", isAbsent)(target, emit)
}

/**
 * Podman's (containers-auth.json(5)): where `REGISTRY_AUTH_FILE` says, else the runtime directory's, else the one that
 * outlives a login session.
 */
export const fromPodman: CredentialSource = Effect.fnUntraced(function* (target, emit) {
  const named = yield* environmentVariable("REGISTRY_AUTH_FILE")
  const runtime = yield* environmentVariable("XDG_RUNTIME_DIR")
  const config = yield* environmentVariable("XDG_CONFIG_HOME")
  const lasting = config === undefined ? inHome(".config/containers/auth.json") : [join(config, "containers/auth.json")]
  const file = (path: string) => fromFile(path, "AuthFileUnusable")
  const passing = runtime === undefined ? runtimeOfUser : file(join(runtime, "containers/auth.json"))
  for (const source of named === undefined ? [passing, ...lasting.map(file)] : [file(named)]) {
    const found = yield* source(target, emit)
    if (Option.isSome(found)) return found
  }
  return Option.none()
})

/** The text of such a file in a variable: `OCIFLOW_AUTH`, else `DOCKER_AUTH_CONFIG`, which continuous integration sets. */
export const fromEnvironment: CredentialSource = Effect.fnUntraced(function* (target, emit) {
  for (const name of ["OCIFLOW_AUTH", "DOCKER_AUTH_CONFIG"]) {
    const text = yield* environmentVariable(name)
    if (text === undefined) continue
    const file = yield* decodeAuthFile(Buffer.from(text)).pipe(
      Effect.catch(() => Effect.sync(() => void emit(unusable("AuthVariableUnusable", name))))
    )
    const found = file === undefined ? Option.none() : yield* loginIn(file, target, emit)
    if (Option.isSome(found)) return found
  }
  return Option.none()
})
