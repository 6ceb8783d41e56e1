import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inspect } from "node:util"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { describe, expect } from "vitest"
import type { Credentials } from "../../../src/api/config.ts"
import type { PullEvent } from "../../../src/api/events.ts"
import { parse } from "../../../src/image/reference/Reference.ts"
import { Registry, type RegistryOptions } from "../../../src/registry/Registry.ts"
import { it } from "../../support/effect.ts"
import { image, registry } from "../images.ts"
import { type Handler, type Served, serve } from "../server.ts"

const amd64 = { os: "linux", architecture: "amd64" }
const app = image(amd64)
const open = registry(app.parts, { 1: app.manifest })
const noRetry = { retry: { times: 0 } }
const json =
  (body: object): Handler =>
  (_, response) =>
    void response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body))

/** A registry that wants a bearer token which `accepts` likes. */
const guarded =
  (realm: () => string, accepts: (authorization: string | undefined) => boolean, more = ""): Handler =>
  (request, response, served) => {
    if (accepts(request.headers.authorization)) return open(request, response, served)
    const challenge = `Bearer realm="${realm()}",service="reg",scope="repository:org/app:pull"${more}`
    response.writeHead(401, { "www-authenticate": challenge, "content-type": "application/json" })
    response.end(JSON.stringify({ errors: [{ code: "UNAUTHORIZED", message: "authentication required" }] }))
  }

const environment = (variables: Record<string, string>) =>
  Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(variables))

const resolve = Effect.fnUntraced(
  function* (served: Served, options: RegistryOptions = {}, emit: (event: PullEvent) => void = () => undefined) {
    const reference = yield* parse(`${served.host}/org/app:1`)
    return yield* Registry.use((it) => it.resolve(reference, amd64, emit)).pipe(
      Effect.provide(Registry.layer({ ...noRetry, ...options }))
    )
  },
  environment({ DOCKER_CONFIG: "/nonexistent" })
)

/** A registry and its token server, which gives out `token-1`, `token-2`, … */
const pair = Effect.fnUntraced(function* (
  accepts: (authorization: string | undefined) => boolean,
  body: (n: number) => object = (n) => ({ token: `token-${n}` })
): Effect.fn.Return<{ readonly registry: Served; readonly tokens: Served }, never, Scope.Scope> {
  const tokens = yield* serve((request, response, served) =>
    json(body(served.requests.length))(request, response, served)
  )
  const it = yield* serve(guarded(() => `${tokens.origin}/token?keep=1`, accepts))
  return { registry: it, tokens }
})

const authorizations = (served: Served) => served.requests.map(({ headers }) => headers.authorization)

describe("a registry that asks for a token", () => {
  it.live("gets one that anybody may have, fetched once for all requests", () =>
    Effect.gen(function* () {
      const { registry, tokens } = yield* pair((it) => it === "Bearer token-1")
      yield* resolve(registry)
      expect(tokens.requests.map(({ url }) => url)).toEqual([
        "/token?keep=1&service=reg&scope=repository%3Aorg%2Fapp%3Apull"
      ])
      expect(authorizations(tokens)).toEqual([undefined])
      expect(authorizations(registry)).toEqual([undefined, "Bearer token-1", "Bearer token-1"])
    })
  )

  it.live("gets one for the password, which only the realm sees", () =>
    Effect.gen(function* () {
      const { registry, tokens } = yield* pair(
        (it) => it === "Bearer token-1",
        (n) => ({ access_token: `token-${n}` })
      )
      const credentials = { [registry.host]: { username: "me", password: Redacted.make("p:w") } }
      yield* resolve(registry, { credentials })
      expect(authorizations(tokens)).toEqual([`Basic ${Buffer.from("me:p:w").toString("base64")}`])
      expect(authorizations(registry).join()).not.toContain("Basic")
    })
  )

  it.live("gets one for the identity token, by OAuth2", () =>
    Effect.gen(function* () {
      const { registry, tokens } = yield* pair(
        (it) => it === "Bearer token-1",
        (n) => ({ access_token: `token-${n}` })
      )
      yield* resolve(registry, { credentials: { [registry.host]: { identityToken: "refresh&me" } } })
      expect(tokens.requests[0]?.method).toBe("POST")
      expect(Object.fromEntries(new URLSearchParams(tokens.requests[0]?.body))).toEqual({
        grant_type: "refresh_token",
        client_id: "ociflow",
        service: "reg",
        scope: "repository:org/app:pull",
        refresh_token: "refresh&me"
      })
    })
  )

  it.live("gets the registry token as it is", () =>
    Effect.gen(function* () {
      const { registry, tokens } = yield* pair((it) => it === "Bearer given")
      yield* resolve(registry, { credentials: { [registry.host]: { registryToken: "given" } } })
      expect(tokens.requests).toHaveLength(0)
      expect(authorizations(registry)).toEqual(["Bearer given", "Bearer given"])
    })
  )

  it.live("that refuses an old one gets a new one, and the pull goes on", () =>
    Effect.gen(function* () {
      let valid = 1
      const { registry, tokens } = yield* pair((it) => it === `Bearer token-${valid}`)
      const reference = yield* parse(`${registry.host}/org/app:1`)
      const context = yield* Layer.build(Registry.layer(noRetry))
      const once = Registry.use((it) => it.resolve(reference, amd64, () => undefined)).pipe(Effect.provide(context))
      yield* once
      valid = 2
      yield* once
      expect(tokens.requests).toHaveLength(2)
    })
  )

  it.live("that refuses every token is given up after one renewal", () =>
    Effect.gen(function* () {
      const { registry, tokens } = yield* pair(() => false)
      const error = yield* Effect.flip(resolve(registry))
      expect(error).toMatchObject({ _tag: "AccessDenied", code: "UNAUTHORIZED", authenticated: false })
      expect(registry.requests).toHaveLength(3)
      expect(tokens.requests).toHaveLength(2)
    })
  )

  it.effect("gets a new one when the life of the old one ends: 60 s where none is told", () =>
    Effect.gen(function* () {
      const { registry, tokens } = yield* pair((it) => it?.startsWith("Bearer ") === true)
      const context = yield* Layer.build(Registry.layer(noRetry))
      const reference = yield* parse(`${registry.host}/org/app:1`)
      const once = Registry.use((it) => it.resolve(reference, amd64, () => undefined)).pipe(Effect.provide(context))
      yield* once
      yield* TestClock.adjust("49 seconds")
      yield* once
      expect(tokens.requests).toHaveLength(1)
      yield* TestClock.adjust("1 second")
      yield* once
      expect(tokens.requests).toHaveLength(2)
    })
  )

  it.live("fails with what the token server says", () =>
    Effect.gen(function* () {
      const answers: ReadonlyArray<readonly [number, string, string]> = [
        [401, '{"details":"incorrect username or password"}', "AccessDenied"],
        [403, "", "AccessDenied"],
        [500, "", "RegistryError"],
        [200, "<html>", "InvalidResponse"],
        [200, '{"token":""}', "InvalidResponse"],
        [200, '{"token":"a b\\r\\nx: y"}', "InvalidResponse"],
        [200, `{"token":"${"x".repeat(70_000)}"}`, "InvalidResponse"]
      ]
      for (const [status, body, tag] of answers) {
        const tokens = yield* serve(
          (_, response) => void response.writeHead(status, { "content-type": "application/json" }).end(body)
        )
        const it = yield* serve(
          guarded(
            () => `${tokens.origin}/token`,
            () => false
          )
        )
        expect((yield* Effect.flip(resolve(it)))._tag, `${status} ${body.slice(0, 20)}`).toBe(tag)
      }
    })
  )
})

describe("credentials", () => {
  const basicOnly: Handler = (request, response, served) => {
    if (request.headers.authorization === `Basic ${Buffer.from("me:secret").toString("base64")}`)
      return open(request, response, served)
    response.writeHead(401, { "www-authenticate": ["Negotiate", 'Basic realm="a, b"'] }).end()
  }
  const me: Credentials = { username: "me", password: "secret" }

  it.live("go in a Basic header only where the registry asks so", () =>
    Effect.gen(function* () {
      const served = yield* serve(basicOnly)
      yield* resolve(served, { credentials: { [served.host]: me } })
      expect(authorizations(served)[0]).toBeUndefined()
      const wrong = yield* Effect.flip(
        resolve(served, { credentials: { [served.host]: { ...me, password: "wrong" } } })
      )
      expect(wrong).toMatchObject({ _tag: "AccessDenied", authenticated: true })
      expect(yield* Effect.flip(resolve(served))).toMatchObject({ _tag: "AccessDenied", authenticated: false })
    })
  )

  it.live("come from docker's config.json, under any of its spellings", () =>
    Effect.gen(function* () {
      const served = yield* serve(basicOnly)
      const directory = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "docker-config-"))),
        (path) => Effect.promise(() => rm(path, { recursive: true }))
      )
      const auth = Buffer.from("me:secret").toString("base64")
      const reference = yield* parse(`${served.host}/org/app:1`)
      const events: Array<PullEvent> = []
      const pulling = (config: string) =>
        Effect.promise(() => writeFile(join(directory, "config.json"), config)).pipe(
          Effect.andThen(Registry.use((it) => it.resolve(reference, amd64, (event) => void events.push(event)))),
          Effect.provide(Registry.layer(noRetry)),
          environment({ DOCKER_CONFIG: directory })
        )
      for (const key of [
        served.host,
        `http://${served.host}`,
        `https://${served.host}/v1/`,
        `https://${served.host}/v2`
      ])
        yield* pulling(JSON.stringify({ credsStore: null, auths: { "ghcr.io": {}, [key]: { auth, email: null } } }))
      yield* pulling(JSON.stringify({ auths: { [served.host]: me } }))
      for (const key of [
        `x${served.host}`,
        `${served.host}0`,
        `${served.host}/team`,
        `https://${served.host}.example.com`
      ])
        expect((yield* Effect.flip(pulling(JSON.stringify({ auths: { [key]: { auth } } }))))._tag).toBe("AccessDenied")
      expect(events).toEqual([])
      expect((yield* Effect.flip(pulling(`{"auths": {"secret`)))._tag).toBe("AccessDenied")
      expect(events).toMatchObject([{ _tag: "Warning", code: "DockerConfigUnusable" }])
      expect(JSON.stringify(events)).not.toContain("secret")
    })
  )

  it.live("are not shown to another origin, nor again when the way leads back", () =>
    Effect.gen(function* () {
      const storage = yield* serve(
        (request, response) =>
          void response
            .writeHead(307, {
              location: `http://${request.headers["x-back"] ?? home.host}/v2/org/app/blobs/${app.config.digest}?signed`
            })
            .end()
      )
      const home: Served = yield* serve((request, response, served) => {
        if (request.url?.endsWith("?signed")) return void response.end(app.config.bytes)
        if (request.url?.includes("/blobs/") && request.headers.authorization !== undefined)
          return void response.writeHead(307, { location: `${storage.origin}/x` }).end()
        basicOnly(request, response, served)
      })
      yield* resolve(home, { credentials: { [home.host]: me } })
      expect(authorizations(storage)).toEqual([undefined])
      expect(home.requests.at(-1)).toMatchObject({ url: `/v2/org/app/blobs/${app.config.digest}?signed` })
      expect(authorizations(home).at(-1)).toBeUndefined()
    })
  )

  it.live("stay with a redirect within the origin", () =>
    Effect.gen(function* () {
      const served = yield* serve((request, response, it) => {
        if (request.headers.authorization !== undefined && request.url === "/v2/org/app/manifests/1")
          return void response.writeHead(301, { location: `/v2/org/app/manifests/${app.manifest.digest}` }).end()
        basicOnly(request, response, it)
      })
      yield* resolve(served, { credentials: { [served.host]: me } })
      expect(
        authorizations(served)
          .slice(1)
          .every((it) => it !== undefined)
      ).toBe(true)
    })
  )

  it.live("are not given to a stranger who asks for them", () =>
    Effect.gen(function* () {
      const thief = yield* serve(
        (_, response) => void response.writeHead(401, { "www-authenticate": "Basic realm=x" }).end()
      )
      const home = yield* serve((_, response) => void response.writeHead(302, { location: `${thief.origin}/` }).end())
      const error = yield* Effect.flip(resolve(home, { credentials: { [home.host]: me, [thief.host]: me } }))
      expect(error).toMatchObject({ _tag: "AccessDenied", authenticated: false })
      expect([...authorizations(thief), ...authorizations(home)]).toEqual([undefined, undefined])
    })
  )

  it.live("appear in no error, however it is printed", () =>
    Effect.gen(function* () {
      const login = { username: "me", password: "hunter2" }
      const { registry, tokens } = yield* pair(
        () => false,
        () => ({ token: "hunter3" })
      )
      const dead = yield* serve(
        guarded(
          () => "http://127.0.0.1:1/token?password=hunter4",
          () => false
        )
      )
      const redirecting = yield* serve(
        (_, response) => void response.writeHead(302, { location: "https://127.0.0.1:1/x?signature=hunter5" }).end()
      )
      for (const served of [registry, dead, redirecting]) {
        const error = yield* Effect.flip(resolve(served, { credentials: { [served.host]: login } }))
        const text = [
          inspect(error, { depth: 12 }),
          JSON.stringify(error),
          String(error),
          error.message,
          error.stack
        ].join("\n")
        expect(text).not.toMatch(/hunter|aHVudGVy|bWU6aHVudGVy/)
      }
      expect(tokens.requests).not.toHaveLength(0)
    })
  )
})
