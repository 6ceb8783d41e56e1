import { execFile } from "node:child_process"
import { chmod, lstat, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { promisify } from "node:util"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { describe, expect } from "vitest"
import { login, logout } from "../src/login.ts"
import { startRegistry } from "../src/testing/index.ts"
import { bundled } from "./support/bundled.ts"
import { it } from "./support/effect.ts"

const home = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "ociflow-login-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)
const registry = (type: "basic" | "bearer") =>
  Effect.acquireRelease(
    Effect.promise(() => startRegistry({ auth: { type, users: { me: "secret" } } })),
    (it) => Effect.promise(() => it.close())
  )
const at = (directory: string) =>
  Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({ DOCKER_CONFIG: directory }))
const me = { username: "me", password: Redacted.make("secret") }
const json = (path: string) => Effect.promise(async () => JSON.parse(await readFile(path, "utf8")) as unknown)

describe("login", () => {
  it.live("keeps what the registry takes where docker does, and leaves every other key as it is", () =>
    Effect.gen(function* () {
      const directory = yield* home
      const path = join(directory, "config.json")
      for (const type of ["basic", "bearer"] as const) {
        const { host } = yield* registry(type)
        yield* Effect.promise(() =>
          writeFile(
            path,
            JSON.stringify({ auths: { "ghcr.io": { auth: "eA==" }, [`https://${host}/v1/`]: {} }, experimental: "on" })
          )
        )
        yield* Effect.promise(() => chmod(path, 0o644))
        expect(yield* login(host, me).pipe(at(directory))).toEqual({ registry: host, path })
        const auth = Buffer.from("me:secret").toString("base64")
        expect(yield* json(path)).toEqual({
          auths: { "ghcr.io": { auth: "eA==" }, [host]: { auth } },
          experimental: "on"
        })
        expect((yield* Effect.promise(() => stat(path))).mode & 0o777).toBe(0o600)
        expect(yield* logout(host).pipe(at(directory))).toEqual({ registry: host, known: true })
        expect(yield* json(path)).toEqual({ auths: { "ghcr.io": { auth: "eA==" } }, experimental: "on" })
        expect(yield* logout(host).pipe(at(directory))).toEqual({ registry: host, known: false })
      }
    })
  )

  it.live("keeps nothing that the registry refuses, and tells no password", () =>
    Effect.gen(function* () {
      const directory = yield* home
      const { host } = yield* registry("bearer")
      const error = yield* Effect.flip(
        login(host, { username: "me", password: Redacted.make("hunter2") }).pipe(at(directory))
      )
      expect(error.reason).toMatchObject({ _tag: "AccessDenied", authenticated: true })
      expect(JSON.stringify(error) + error.message).not.toContain("hunter")
      expect(yield* Effect.exit(Effect.tryPromise(() => readFile(join(directory, "config.json"))))).toMatchObject({
        _tag: "Failure"
      })
      expect((yield* Effect.flip(login("not a host", me))).reason._tag).toBe("InvalidReference")
      expect((yield* Effect.flip(login("https://ghcr.io/org/app", me))).advice).toBe("Write ghcr.io instead.")
    })
  )

  it.live("has the helper keep it, where the file names one", () =>
    Effect.gen(function* () {
      const directory = yield* home
      const { host } = yield* registry("basic")
      const helper = join(directory, "docker-credential-mine")
      yield* Effect.promise(() => writeFile(helper, `#!/bin/sh\ncat > "${directory}/$1"\n`, { mode: 0o755 }))
      const before = process.env["PATH"]
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          process.env["PATH"] = before
        })
      )
      process.env["PATH"] = `${directory}${delimiter}${before}`
      yield* Effect.promise(() => writeFile(join(directory, "config.json"), '{"credsStore":"mine"}'))
      expect(yield* login(host, me).pipe(at(directory))).toEqual({ registry: host, helper: "mine" })
      expect(yield* json(join(directory, "store"))).toEqual({ ServerURL: host, Username: "me", Secret: "secret" })
      expect(yield* json(join(directory, "config.json"))).toEqual({ credsStore: "mine", auths: { [host]: {} } })
      yield* logout(host).pipe(at(directory))
      expect(yield* Effect.promise(() => readFile(join(directory, "erase"), "utf8"))).toBe(host)
    })
  )

  it.live(
    "of eight at once, in one process and in several, keeps all, and all else to the byte",
    () =>
      Effect.gen(function* () {
        const directory = yield* home
        const path = join(directory, "config.json")
        const rest =
          '"HttpHeaders":{"n":12345678901234567890,"none":null},  "detachKeys" : null, "note":"\u00c3\u00b6 \u00ff"'
        // The last character is a byte that is not UTF-8.
        yield* Effect.promise(() => writeFile(path, `{${rest},"auths":{}}`, "latin1"))
        const hosts = yield* Effect.forEach(Array(8).fill("basic"), registry, { concurrency: "unbounded" })
        yield* Effect.forEach(hosts, ({ host }) => login(host, me).pipe(at(directory)), { concurrency: "unbounded" })
        const keys = Effect.map(json(path), (it) => Object.keys((it as { readonly auths: object }).auths).sort())
        expect(yield* keys).toEqual(hosts.map(({ host }) => host).sort())
        expect(yield* Effect.promise(() => readFile(path, "latin1"))).toContain(`{${rest},`)

        yield* Effect.forEach(hosts, ({ host }) => logout(host).pipe(at(directory)), { concurrency: "unbounded" })
        expect(yield* Effect.promise(() => readFile(path, "latin1"))).toBe(`{${rest},"auths":{}}`)

        const program = [
          'import { login } from "./src/login.ts"',
          'import * as Effect from "effect/Effect"',
          'import * as Redacted from "effect/Redacted"',
          'const me = { username: "me", password: Redacted.make("secret") }',
          "await Promise.all(process.argv.slice(2).map((host) => Effect.runPromise(login(host, me))))"
        ]
        const file = yield* Effect.promise(() => bundled(program.join("\n")))
        const env = { ...process.env, DOCKER_CONFIG: directory }
        yield* Effect.forEach(
          [0, 1],
          (n) =>
            Effect.promise(() =>
              promisify(execFile)(process.execPath, [file, ...hosts.slice(4 * n, 4 * n + 4).map(({ host }) => host)], {
                env
              })
            ),
          { concurrency: "unbounded" }
        )
        expect(yield* keys).toEqual(hosts.map(({ host }) => host).sort())
        expect((yield* Effect.promise(() => readdir(directory))).sort()).toEqual(["config.json"])
      }),
    60_000
  )

  it.live("takes an empty file for none", () =>
    Effect.gen(function* () {
      const directory = yield* home
      const path = join(directory, "config.json")
      const { host } = yield* registry("basic")
      yield* Effect.promise(() => writeFile(path, "\n"))
      yield* login(host, me).pipe(at(directory))
      expect(yield* json(path)).toHaveProperty(["auths", host])
    })
  )

  it.live("leaves a file that it cannot read as it is, and a link a link", () =>
    Effect.gen(function* () {
      const directory = yield* home
      const path = join(directory, "config.json")
      const { host } = yield* registry("basic")
      yield* Effect.promise(() => writeFile(path, "{ broken"))
      expect((yield* Effect.flip(login(host, me).pipe(at(directory)))).reason).toMatchObject({
        _tag: "InvalidOption",
        option: "DOCKER_CONFIG"
      })
      expect(yield* Effect.promise(() => readFile(path, "utf8"))).toBe("{ broken")
      yield* Effect.promise(async () => {
        await writeFile(path, "{}")
        await rename(path, join(directory, "real.json"))
        await symlink("real.json", path)
      })
      yield* login(host, me).pipe(at(directory))
      expect((yield* Effect.promise(() => lstat(path))).isSymbolicLink()).toBe(true)
      expect(yield* json(join(directory, "real.json"))).toHaveProperty(["auths", host])
    })
  )
})
