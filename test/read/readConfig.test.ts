/** An image's config as programs take it: without a pull, with a pull, and from the store. */
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, test } from "vitest"
import { ConfigJson } from "../../src/image/ConfigJson.ts"
import { imageConfigOf } from "../../src/image/imageConfigOf.ts"
import { decodeAs } from "../../src/image/json/decodeAs.ts"
import { parseJson } from "../../src/image/json/parseJson.ts"
import { image, imageIndex, startRegistry } from "../../src/testing/index.ts"
import { layoutOf, tagged, writeFiles } from "../support/files.ts"
import { open } from "../support/open.ts"
import { reasonOf } from "../support/rejection.ts"

/** Everything that the image-spec has, and Docker's health check. */
const full = {
  created: "2026-01-02T03:04:05.678Z",
  author: "me",
  "os.version": "1.2",
  config: {
    User: "65534:65534",
    WorkingDir: "/srv",
    Env: ["PATH=/bin", "EMPTY=", "TWICE=1", "TWICE=2=3", "NOTHING", "=x"],
    Entrypoint: ["/app"],
    Cmd: ["--serve"],
    ExposedPorts: { "80/tcp": {}, "53/udp": {} },
    Volumes: { "/data": {} },
    Labels: { "org.opencontainers.image.title": "app" },
    StopSignal: "SIGQUIT",
    Healthcheck: {
      Test: ["CMD", "/app", "ping"],
      Interval: 30_000_000_000,
      Timeout: 1_500_000,
      StartPeriod: 0,
      StartInterval: 5e9,
      Retries: 3
    }
  },
  history: [{ created: "2026-01-01T00:00:00Z", created_by: "COPY", comment: "c" }, { empty_layer: true }]
}
const decoded = {
  os: "linux",
  architecture: "amd64",
  osVersion: "1.2",
  created: "2026-01-02T03:04:05.678Z",
  author: "me",
  user: "65534:65534",
  workingDir: "/srv",
  env: { PATH: "/bin", EMPTY: "", TWICE: "2=3" },
  entrypoint: ["/app"],
  cmd: ["--serve"],
  exposedPorts: ["80/tcp", "53/udp"],
  volumes: ["/data"],
  labels: { "org.opencontainers.image.title": "app" },
  stopSignal: "SIGQUIT",
  healthcheck: { test: ["CMD", "/app", "ping"], interval: 30_000, timeout: 1.5, startInterval: 5000, retries: 3 },
  history: [
    { created: "2026-01-01T00:00:00Z", createdBy: "COPY", comment: "c", emptyLayer: false },
    { emptyLayer: true }
  ]
}

const app = await image({ config: full })
const diffIds = app.manifests[0]?.layers.map(({ diffId }) => diffId)
const arm64 = await image({ platform: "linux/arm64", config: { config: null, history: null } })
const both = imageIndex([app, arm64])
const linux = { platform: "linux/amd64" }

describe("config", () => {
  test("is read from the registry without a blob, and without anything stored", async () => {
    await using registry = await startRegistry({ images: { "app:1": both } })
    await using oci = await open()
    const events: Array<string> = []
    const onEvent = ({ _tag }: { readonly _tag: string }) => events.push(_tag)
    expect(await oci.config(registry.reference("app:1"), { ...linux, onEvent })).toEqual({ ...decoded, diffIds })
    const layers = [...app.manifests, ...arm64.manifests].flatMap((it) => it.layers.map(({ digest }) => digest))
    expect(registry.log.all.filter(({ path }) => layers.some((digest) => path.includes(digest)))).toEqual([])
    expect(await readdir(oci.root)).toEqual([])
  })

  test("of a config that says next to nothing has empty lists, and no texts", async () => {
    await using registry = await startRegistry({ images: { "app:1": both } })
    await using oci = await open()
    expect(await oci.config(registry.reference("app:1"), { platform: "linux/arm64" })).toEqual({
      os: "linux",
      architecture: "arm64",
      created: "1970-01-01T00:00:00Z",
      env: {},
      entrypoint: [],
      cmd: [],
      exposedPorts: [],
      volumes: [],
      labels: {},
      history: [],
      diffIds: arm64.manifests[0]?.layers.map(({ diffId }) => diffId)
    })
  })

  test.each(["layers", "rootfs"] as const)("is a part of what is pulled, held and cached (%s)", async (layout) => {
    await using registry = await startRegistry({ images: { "app:1": both } })
    await using oci = await open({ layout })
    const name = registry.reference("app:1")
    const wanted = { ...decoded, diffIds }
    expect((await oci.pull(name, linux)).config).toEqual(wanted)
    registry.log.clear()
    expect(await oci.pull(name, linux)).toMatchObject({ cached: true, config: wanted })
    await using held = await oci.hold(name, linux)
    expect(held.image.config).toEqual(wanted)
    expect(await oci.config(name, linux)).toEqual(wanted)
    expect(await oci.config(name, { ...linux, policy: "never" })).toEqual(wanted)
    expect(registry.log.all).toEqual([])
    await oci.config(name, { ...linux, policy: "always" })
    expect(registry.log.count({ kind: "manifest" })).toBeGreaterThan(0)
  })

  test("is not in a store that never pulled the image", async () => {
    await using oci = await open()
    expect(await reasonOf(oci.config("r.test/app:1", { policy: "never" }))).toMatchObject({ _tag: "NotCached" })
  })

  test("is read from a file as well", async () => {
    await using oci = await open()
    const layout = await writeFiles(join(oci.root, "layout"), layoutOf([[tagged("1"), app]]))
    expect(await oci.config(`oci:${layout}`, linux)).toEqual({ ...decoded, diffIds })
  })

  test("of a document beyond `limits.documentBytes` is not read", async () => {
    const config = { config: { Labels: { big: "x".repeat(5000) } } }
    await using registry = await startRegistry({ images: { "app:1": await image({ config }) } })
    await using oci = await open({ limits: { documentBytes: 4096 } })
    for (const call of [oci.config, oci.pull])
      expect(await reasonOf(call(registry.reference("app:1"), linux))).toMatchObject({
        _tag: "LimitExceeded",
        limit: "documentBytes"
      })
  })
})

const configOf = (json: unknown) =>
  Effect.runPromise(
    parseJson(Buffer.from(typeof json === "string" ? json : JSON.stringify(json))).pipe(
      Effect.flatMap((it) => decodeAs(ConfigJson, it)),
      Effect.map(imageConfigOf)
    )
  )

test("names of a hostile config are data: no prototype changes", async () => {
  const text =
    '{"config":{"Env":["__proto__=1","constructor=2"],"Labels":{"__proto__":"3"},"Volumes":{"__proto__":{}}}}'
  const { env, labels, volumes } = await configOf(text)
  expect(Object.entries(env)).toEqual([
    ["__proto__", "1"],
    ["constructor", "2"]
  ])
  expect(Object.entries(labels)).toEqual([["__proto__", "3"]])
  expect(volumes).toEqual(["__proto__"])
  expect(Object.getPrototypeOf(env)).toBe(Object.prototype)
})

const noNumbers = ["1e999", "-1e999", "null", '"1"']
test.each([
  ["Interval", noNumbers],
  ["Timeout", noNumbers],
  ["StartPeriod", noNumbers],
  ["StartInterval", noNumbers],
  ["Retries", [...noNumbers, "-1", "1.5"]]
])("%s of a health check is left out where it is one of %j", async (field, values) => {
  for (const value of values) {
    const { healthcheck } = await configOf(`{"config":{"Healthcheck":{"Test":["NONE"],"${field}":${value}}}}`)
    expect(healthcheck).toEqual({ test: ["NONE"] })
  }
})

test.each([
  [{ Healthcheck: { Test: ["NONE"] } }, { healthcheck: { test: ["NONE"] } }],
  [{ Healthcheck: { Interval: -1, Retries: "x" } }, { healthcheck: { test: [] } }],
  [{ Healthcheck: [] }, {}],
  [
    { Env: "PATH=/bin", Cmd: [1], User: 5 },
    { env: {}, cmd: [] }
  ],
  [
    { user: "x", WORKINGDIR: "/w" },
    { user: "x", workingDir: "/w" }
  ]
])("a config of %j is decoded as %j", async (config, expected) => {
  const read = await configOf({ config })
  expect(read).toMatchObject(expected)
  if (!("healthcheck" in expected)) expect(read).not.toHaveProperty("healthcheck")
})
