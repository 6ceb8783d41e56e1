/** Registries that people use, each imitated with its peculiarities. */
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { expect, test } from "vitest"
import type { Credentials, PullerOptions } from "../../src/api/config.ts"
import type { PullEvent } from "../../src/api/events.ts"
import { parse } from "../../src/image/reference/Reference.ts"
import { Registry } from "../../src/registry/Registry.ts"
import {
  type AuthOptions,
  fault,
  type RegistryOptions,
  randomImage,
  startRegistry,
  type TestImage,
  type TestRegistry
} from "../../src/testing/index.ts"
import { open } from "../support/open.ts"

const made: Promise<TestImage> = randomImage("known registries", { layers: 1 })
const serve = async (auth: AuthOptions, more: RegistryOptions = {}) =>
  startRegistry({ images: { "org/app:1": await made }, auth, ...more })

const pull = async (registry: TestRegistry, credentials: Credentials, options: PullerOptions = {}) => {
  await using oci = await open({ credentials: { [registry.host]: credentials }, ...options })
  const events: Array<PullEvent> = []
  await oci.pull(registry.reference("org/app:1"), { onEvent: (event) => void events.push(event) })
  return events
}
const bearer = (user: string, password: string): AuthOptions => ({ type: "bearer", users: { [user]: password } })
const schemes = (registry: TestRegistry) => [
  ...new Set(registry.log.where({ kind: "token" }).map(({ method, authorization }) => `${method} ${authorization}`))
]

test("Docker Hub: the token service is another host, blobs lie elsewhere, and the quota is told", async () => {
  await using registry = await serve({ ...bearer("me", "dckr_pat_x"), ownOrigin: true } as AuthOptions, {
    storage: { strict: true }
  })
  registry.fault(
    { kind: "manifest" },
    fault.all(fault.header("ratelimit-limit", "100;w=21600"), fault.header("ratelimit-remaining", "76;w=21600"))
  )
  const events = await pull(registry, { username: "me", password: "dckr_pat_x" })
  expect(events).toContainEqual({
    _tag: "Quota",
    registry: registry.host,
    limit: 100,
    remaining: 76,
    window: 21_600_000
  })
  expect(registry.storage?.sawAuthorization).toBe(false)
})

test("GHCR: a token for any user name, and 403 for what may not be seen", async () => {
  await using registry = await serve({ ...bearer("any", "ghp_x"), mayPull: () => true } as AuthOptions)
  await pull(registry, { username: "any", password: "ghp_x" })
  await expect(pull(registry, { username: "any", password: "no" })).rejects.toMatchObject({
    reason: { _tag: "AccessDenied" }
  })
})

test("ECR: Basic for the user AWS with a long password, and storage that refuses credentials", async () => {
  const password = Buffer.alloc(2000, "eyJ").toString("base64")
  await using registry = await serve({ type: "basic", users: { AWS: password } }, { storage: { strict: true } })
  await pull(registry, { username: "AWS", password })
  expect(registry.storage?.sawAuthorization).toBe(false)
})

test("GAR and GCR: a key file's text for password, its colons and line ends kept; POST is unknown", async () => {
  const password = JSON.stringify({ type: "service_account", private_key: "-----BEGIN\nx:y\n-----END\n" }, null, 2)
  await using registry = await serve({ ...bearer("_json_key", password), oauth2: false } as AuthOptions)
  await pull(registry, { username: "_json_key", password })
  expect(schemes(registry)).toEqual(["GET Basic"])
})

test("ACR: the identity token is exchanged by POST, and never sent as a bearer", async () => {
  await using registry = await serve({ type: "bearer", identityTokens: { refresh: "me" }, field: "access_token" })
  await pull(registry, { identityToken: "refresh" })
  expect(schemes(registry)).toEqual(["POST undefined"])
})

test("Quay and Harbor: robots' names, with + and $", async () => {
  for (const user of ["org+robot", "robot$project+name"]) {
    await using registry = await serve(bearer(user, "p:w"))
    await pull(registry, { username: user, password: "p:w" })
  }
})

test("GitLab: tokens that end in the middle of a pull are renewed, and insufficient_scope is asked for anew", async () => {
  await using registry = await serve({ ...bearer("deploy", "gldt-x"), uses: 1 } as AuthOptions)
  await pull(registry, { username: "deploy", password: "gldt-x" })
  expect(registry.tokens?.issued).toBeGreaterThan(2)
})

test("a long blob goes on with a new token, from the byte not yet seen", async () => {
  const layer = (await made).manifests[0]?.layers[0]
  await using registry = await serve(bearer("me", "x"))
  registry.fault(
    { kind: "blob", reference: layer?.digest ?? "", times: 1 },
    fault.all(fault.cut(20), fault.expireTokens())
  )
  await pull(registry, { username: "me", password: "x" })
  expect(registry.tokens?.issued).toBe(2)
  expect(registry.log.repeated(layer?.digest ?? "")).toBe(0)
})

test("Artifactory: the service wants no refresh token, and takes it for the password of its user", async () => {
  await using registry = await serve({ ...bearer("me", "reference-token"), oauth2: false } as AuthOptions)
  const auth = Buffer.from("me:").toString("base64")
  const OCIFLOW_AUTH = JSON.stringify({ auths: { [registry.host]: { auth, identitytoken: "reference-token" } } })
  await Effect.gen(function* () {
    const reference = yield* parse(registry.reference("org/app:1"))
    yield* Registry.use((it) => it.digest(reference, () => undefined)).pipe(Effect.provide(Registry.layer()))
  }).pipe(
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({ OCIFLOW_AUTH })),
    Effect.runPromise
  )
  expect(schemes(registry)).toEqual(["POST undefined", "GET Basic"])
})
