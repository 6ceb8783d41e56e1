import {
  chmod,
  copyFile,
  type FileHandle,
  mkdir,
  mkdtemp,
  open,
  readFile,
  rm,
  symlink,
  writeFile
} from "node:fs/promises"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { inspect } from "node:util"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { Scope } from "effect/Scope"
import { describe, expect, test } from "vitest"
import type { PullerOptions } from "../../../src/api/config.ts"
import type { PullEvent } from "../../../src/api/events.ts"
import { makeCredentials } from "../../../src/registry/auth/Credentials.ts"
import type { Login } from "../../../src/registry/auth/Login.ts"
import { keysOf, normalizeKey } from "../../../src/registry/auth/registryKey.ts"
import { it } from "../../support/effect.ts"

const directory: Effect.Effect<string, never, Scope> = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "ociflow-credentials-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)
const write = (path: string, content: object | string) =>
  Effect.promise(() => writeFile(path, typeof content === "string" ? content : JSON.stringify(content)))

/** A program on the PATH, for the life of the test. */
const program = Effect.fnUntraced(function* (bin: string, name: string, script: string) {
  const path = join(bin, name)
  yield* write(path, `#!/bin/sh\n${script}\n`)
  yield* Effect.promise(() => chmod(path, 0o755))
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const before = process.env["PATH"]
      process.env["PATH"] = `${bin}${delimiter}${before}`
      return before
    }),
    (before) =>
      Effect.sync(() => {
        process.env["PATH"] = before
      })
  )
})

const nowhere = { DOCKER_CONFIG: "/nonexistent", REGISTRY_AUTH_FILE: "/nonexistent/auth.json" }

const find = (
  target: string,
  variables: Record<string, string> = {},
  credentials?: PullerOptions["credentials"],
  events: Array<PullEvent> = []
) =>
  Effect.gen(function* () {
    const [registry = "", ...path] = target.split("/")
    const { find: source } = yield* makeCredentials(credentials)
    return yield* source({ registry, repository: path.join("/") }, (event) => void events.push(event))
  }).pipe(
    Effect.map(Option.map(shown)),
    Effect.map(Option.getOrUndefined),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({ ...nowhere, ...variables }))
  )
const shown = (login: Login) =>
  login._tag === "Password" ? `${login.username}:${Redacted.value(login.password)}` : Redacted.value(login.token)

const base64 = (text: string) => Buffer.from(text).toString("base64")
const auths = (entries: Record<string, string>) => ({
  auths: Object.fromEntries(Object.entries(entries).map(([key, login]) => [key, { auth: base64(login) }]))
})

describe("credentials", () => {
  it.live("come from the option first, then the environment, then docker's file, then podman's", () =>
    Effect.gen(function* () {
      const home = yield* directory
      yield* write(join(home, "config.json"), auths({ "r.test": "me:docker", "d.test": "me:docker" }))
      yield* write(
        join(home, "auth.json"),
        auths({ "r.test": "me:podman", "d.test": "me:podman", "p.test": "me:podman" })
      )
      const files = { DOCKER_CONFIG: home, REGISTRY_AUTH_FILE: join(home, "auth.json") }
      const variable = { OCIFLOW_AUTH: JSON.stringify(auths({ "r.test": "me:variable" })) }
      const option = { "r.test": { username: "me", password: "option" } }
      expect(yield* find("r.test/a", { ...files, ...variable }, option)).toBe("me:option")
      expect(yield* find("r.test/a", { ...files, ...variable })).toBe("me:variable")
      expect(yield* find("r.test/a", { ...files, DOCKER_AUTH_CONFIG: variable.OCIFLOW_AUTH })).toBe("me:variable")
      expect(yield* find("d.test/a", { ...files, ...variable })).toBe("me:docker")
      expect(yield* find("p.test/a", { ...files, ...variable }, option)).toBe("me:podman")
      expect(yield* find("x.test/a", { ...files, ...variable }, option)).toBeUndefined()
    })
  )

  it.live("for part of a registry count before those for all of it, the longest first", () =>
    Effect.gen(function* () {
      const home = yield* directory
      const file = auths({
        "r.test": "host:1",
        "r.test/org": "org:1",
        "r.test/org/app": "app:1",
        "r.test/other/": "o:1"
      })
      yield* write(join(home, "auth.json"), file)
      const files = { REGISTRY_AUTH_FILE: join(home, "auth.json") }
      expect(yield* find("r.test/org/app", files)).toBe("app:1")
      expect(yield* find("r.test/org/app2", files)).toBe("org:1")
      expect(yield* find("r.test/organisation/app", files)).toBe("host:1")
      expect(yield* find("r.test/other/x", files)).toBe("o:1")
      expect(yield* find("evil-r.test/org/app", files)).toBeUndefined()
    })
  )

  it.live("are read as Go reads them: names in any case, an exact spelling first", () =>
    Effect.gen(function* () {
      const home = yield* directory
      const entry = (login: string) => ({ Auth: base64(login) })
      const at = (file: object, target = "r.test/a") => find(target, { OCIFLOW_AUTH: JSON.stringify(file) })
      expect(yield* at({ Auths: { "r.test": entry("me:1") } })).toBe("me:1")
      expect(yield* at({ AUTHS: { "r.test": { USERNAME: "me", Password: "2" } } })).toBe("me:2")
      expect(yield* at({ AUTHS: { "r.test": entry("me:3") }, auths: { "r.test": entry("me:4") }, Auths: {} })).toBe(
        "me:4"
      )
      expect(yield* at({ auths: { "r.test": { auth: base64("me:5"), AUTH: base64("me:6") } } })).toBe("me:5")
      const several = {
        "https://r.test/v1/": entry("v1:1"),
        "http://r.test": entry("http:1"),
        "r.test": entry("exact:1")
      }
      expect(yield* at({ auths: several })).toBe("exact:1")
      const { "r.test": _, ...inexact } = several
      expect(yield* at({ auths: inexact })).toBe("v1:1")
      const hub = { "docker.io": entry("io:1"), "https://index.docker.io/v1/": entry("hub:1") }
      expect(yield* at({ auths: hub }, "docker.io/library/alpine")).toBe("hub:1")
      const parts = { "https://r.test/org": entry("slashes:1"), "r.test/org": entry("part:1") }
      expect(yield* at({ auths: parts }, "r.test/org/app")).toBe("part:1")
      yield* write(join(home, "config.json"), " ")
      const events: Array<PullEvent> = []
      expect(yield* find("r.test/a", { DOCKER_CONFIG: home }, undefined, events)).toBeUndefined()
      expect(events).toEqual([])
    })
  )

  it.live("for Docker Hub are found under each of its names", () =>
    Effect.gen(function* () {
      for (const key of ["https://index.docker.io/v1/", "docker.io", "registry-1.docker.io", "index.docker.io"])
        expect(
          yield* find("docker.io/library/alpine", { OCIFLOW_AUTH: JSON.stringify(auths({ [key]: "me:x" })) })
        ).toBe("me:x")
    })
  )

  it.live("may be a token, before a password", () =>
    Effect.gen(function* () {
      const entry = (more: object) => ({
        OCIFLOW_AUTH: JSON.stringify({ auths: { "r.test": { auth: base64("me:"), ...more } } })
      })
      expect(yield* find("r.test/a", entry({ identitytoken: "identity" }))).toBe("identity")
      expect(yield* find("r.test/a", entry({ registrytoken: "bearer" }))).toBe("bearer")
      expect(yield* find("r.test/a", entry({}))).toBeUndefined()
    })
  )

  it.live("come from a function: at once, as a promise or as an Effect, once for all of a pull", () =>
    Effect.gen(function* () {
      const me = { username: "me", password: "1" }
      const asked: Array<string> = []
      const at = (answer: () => ReturnType<Extract<PullerOptions["credentials"], (...args: never) => unknown>>) =>
        find("r.test/org/app", {}, (...target) => {
          asked.push(target.join(" "))
          return answer()
        })
      expect(yield* at(() => me)).toBe("me:1")
      expect(yield* at(async () => me)).toBe("me:1")
      expect(yield* at(() => Effect.succeed(me))).toBe("me:1")
      expect(yield* at(() => undefined)).toBeUndefined()
      expect(new Set(asked)).toEqual(new Set(["r.test org/app"]))
      for (const failing of [
        () => Effect.fail("the vault is sealed: hunter"),
        () => Promise.reject(new Error("the vault is sealed: hunter")),
        () => {
          throw new Error("the vault is sealed: hunter")
        }
      ]) {
        const error = yield* Effect.flip(at(failing))
        expect(error).toMatchObject({ _tag: "CredentialsUnavailable", registry: "r.test" })
        expect(JSON.stringify(error) + error.message + inspect(error)).not.toContain("hunter")
        expect(error.cause).toMatchObject({ message: "the vault is sealed: hunter" })
      }
      for (const wrong of [
        { user: "me", pass: "hunter2" },
        { username: "me", password: undefined },
        "me:hunter2",
        5,
        []
      ]) {
        const error = yield* Effect.flip(at(() => wrong as never))
        expect(error).toMatchObject({ _tag: "InvalidOption", option: "credentials" })
        expect(JSON.stringify(error) + error.message).not.toContain("hunter")
      }
      let calls = 0
      const { find: source, forget } = yield* makeCredentials(() => {
        calls++
        return me
      })
      const target = () => source({ registry: "r.test", repository: "a" }, () => undefined)
      yield* Effect.all([target(), target(), target()], { concurrency: "unbounded" })
      expect(calls).toBe(1)
      yield* forget({ registry: "r.test", repository: "a" })
      yield* target()
      expect(calls).toBe(2)
    })
  )

  it.live("in files that cannot be used are a warning that quotes nothing of them", () =>
    Effect.gen(function* () {
      const home = yield* directory
      for (const text of ['{"auths": {"secret', '{"auths": "secret"}', `"${"secret".repeat(400_000)}"`]) {
        const events: Array<PullEvent> = []
        yield* write(join(home, "config.json"), text)
        yield* write(join(home, "auth.json"), text)
        const files = {
          DOCKER_CONFIG: home,
          REGISTRY_AUTH_FILE: join(home, "auth.json"),
          OCIFLOW_AUTH: text.slice(0, 1000)
        }
        expect(yield* find("r.test/a", files, undefined, events)).toBeUndefined()
        expect(events.map((it) => it._tag === "Warning" && it.code)).toEqual([
          "AuthVariableUnusable",
          "DockerConfigUnusable",
          "AuthFileUnusable"
        ])
        expect(JSON.stringify(events)).not.toContain("secret")
      }
    })
  )
})

describe("a credential helper", () => {
  it.live("is asked before the file's own entry: the registry's helper, else the general one", () =>
    Effect.gen(function* () {
      const home = yield* directory
      yield* program(
        home,
        "docker-credential-one",
        `read s; echo "$1 $s" >> "${home}/asked"; [ "$s" = one.test ] && echo '{"ServerURL":"x","Username":"me","Secret":"one"}' || { echo 'credentials not found in native keychain'; exit 1; }`
      )
      yield* program(
        home,
        "docker-credential-all",
        `read s; echo "$1 $s" >> "${home}/asked"; case "$s" in all.test) echo '{"Username":"<token>","Secret":"identity"}';; https://index.docker.io/v1/) echo '{"Username":"hub","Secret":"1"}';; *) echo 'credentials not found in native keychain'; exit 1;; esac`
      )
      yield* write(join(home, "config.json"), {
        credHelpers: { "one.test": "one" },
        credsStore: "all",
        ...auths({ "file.test": "me:file" })
      })
      const events: Array<PullEvent> = []
      const ask = (target: string) => find(target, { DOCKER_CONFIG: home }, undefined, events)
      expect(yield* ask("one.test/a")).toBe("me:one")
      expect(yield* ask("all.test/a")).toBe("identity")
      expect(yield* ask("docker.io/library/alpine")).toBe("hub:1")
      expect(yield* ask("file.test/a")).toBe("me:file")
      expect(events).toEqual([])
      expect((yield* Effect.promise(() => readFile(join(home, "asked"), "utf8"))).split("\n")).toEqual([
        "get one.test",
        "get all.test",
        "get https://index.docker.io/v1/",
        "get file.test",
        "get https://file.test",
        ""
      ])
    })
  )

  it.live("answers in any case, as Go reads it", () =>
    Effect.gen(function* () {
      const home = yield* directory
      yield* program(home, "docker-credential-low", `echo '{"serverurl":"r.test","username":"me","secret":"low"}'`)
      yield* program(
        home,
        "docker-credential-both",
        `echo '{"USERNAME":"you","SECRET":"up","Username":"me","Secret":"exact"}'`
      )
      yield* write(join(home, "config.json"), { CredHelpers: { "r.test": "low" }, CREDSSTORE: "both" })
      expect(yield* find("r.test/a", { DOCKER_CONFIG: home })).toBe("me:low")
      expect(yield* find("x.test/a", { DOCKER_CONFIG: home })).toBe("me:exact")
    })
  )

  it.live("is not waited for once it has ended, though a process that it started keeps its output open", () =>
    Effect.gen(function* () {
      const home = yield* directory
      yield* Effect.addFinalizer(() =>
        Effect.promise(async () => {
          for (const pid of (await readFile(join(home, "pids"), "utf8")).trim().split("\n")) process.kill(Number(pid))
        })
      )
      const left = `sleep 90 & echo $! >> "${home}/pids"`
      const answer = `echo '{"Username":"me","Secret":"1"}'`
      yield* program(home, "docker-credential-before", `${left}; ${answer}`)
      yield* program(home, "docker-credential-after", `${answer}; ${left}`)
      yield* program(home, "docker-credential-failing", `${left}; ${answer}; exit 3`)
      yield* program(home, "docker-credential-none", `${left}; echo 'credentials not found in native keychain'; exit 1`)
      const events: Array<PullEvent> = []
      const ask = Effect.fnUntraced(function* (name: string) {
        yield* write(join(home, "config.json"), { credHelpers: { "r.test": name } })
        return yield* find("r.test/a", { DOCKER_CONFIG: home }, undefined, events)
      })
      expect(yield* ask("before")).toBe("me:1")
      expect(yield* ask("after")).toBe("me:1")
      expect(yield* ask("none")).toBeUndefined()
      expect(events).toEqual([])
      expect(yield* ask("failing")).toBeUndefined()
      expect(events).toMatchObject([{ _tag: "Warning", code: "CredentialHelperFailed" }])
    })
  )

  const unstarted: Readonly<Record<string, (path: string) => Promise<FileHandle | undefined>>> = {
    "a program that is being written": async (path) => {
      await copyFile("/bin/sh", path)
      return open(path, "r+")
    },
    "a link to itself": (path) => symlink(path, path).then(() => undefined),
    "a directory": (path) => mkdir(path).then(() => undefined),
    "a script whose interpreter is not there": (path) =>
      writeFile(path, "#!/no/such\n", { mode: 0o755 }).then(() => undefined)
  }
  for (const [name, make] of Object.entries(unstarted))
    it.live(`that is ${name} is a warning`, () =>
      Effect.gen(function* () {
        const home = yield* directory
        yield* program(home, "docker-credential-other", "")
        const file = yield* Effect.promise(() => make(join(home, "docker-credential-x")))
        yield* write(join(home, "config.json"), { credHelpers: { "r.test": "x" } })
        const events: Array<PullEvent> = []
        expect(yield* find("r.test/a", { DOCKER_CONFIG: home }, undefined, events)).toBeUndefined()
        expect(events).toMatchObject([{ _tag: "Warning", code: "CredentialHelperFailed" }])
        yield* Effect.promise(async () => file?.close())
      })
    )

  it.live("that is none, fails, or says nonsense is a warning without what it said", () =>
    Effect.gen(function* () {
      const home = yield* directory
      const marker = join(home, "ran")
      yield* program(home, "docker-credential-broken", "echo hunter2; exit 3")
      yield* program(home, "docker-credential-odd", "echo hunter2")
      yield* program(home, "docker-credential-flood", "yes hunter2")
      yield* program(home, "evil", `touch ${marker}`)
      const names = ["absent", "broken", "odd", "flood", "../evil", `/${home}/evil`, `x; touch ${marker}`, "$(evil)"]
      for (const name of names) {
        const events: Array<PullEvent> = []
        yield* write(join(home, "config.json"), { credHelpers: { "r.test": name } })
        expect(yield* find("r.test/a", { DOCKER_CONFIG: home }, undefined, events), name).toBeUndefined()
        expect(events, name).toMatchObject([{ _tag: "Warning", code: "CredentialHelperFailed" }])
        expect(JSON.stringify(events)).not.toContain("hunter")
      }
      expect(yield* Effect.exit(Effect.tryPromise(() => readFile(marker)))).toMatchObject({ _tag: "Failure" })
    })
  )
})

test("keys are one spelling for all that mean the same, and hosts are compared whole", () => {
  expect(["https://R.test/v2/", "http://r.test", "r.test/", " r.test "].map(normalizeKey)).toEqual(
    Array(4).fill("r.test")
  )
  expect(["", "/", "a b", "user@host", "https://"].map(normalizeKey)).toEqual(Array(5).fill(undefined))
  expect(keysOf({ registry: "r.test:5000", repository: "a/b" })).toEqual([
    "r.test:5000/a/b",
    "r.test:5000/a",
    "r.test:5000"
  ])
})
