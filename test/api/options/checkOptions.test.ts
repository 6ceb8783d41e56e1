import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { expect, test } from "vitest"
import { defaultLimits, defaultRetry, defaultTimeouts, type PullerOptions } from "../../../src/api/config.ts"
import { checkOptions } from "../../../src/api/options/checkOptions.ts"

/** As a caller without types writes them. */
const given = (options: unknown) => options as PullerOptions
const take = (options: unknown) => expect(Effect.runSync(checkOptions("open", given(options)))).toBe(options)
const refusal = (options: unknown) => Effect.runSync(Effect.flip(checkOptions("open", given(options))))

test("options that are left out, undefined, or as the defaults are, are taken", () => {
  for (const options of [
    {},
    { timeouts: { idle: 2 ** 31 - 1, total: Number.POSITIVE_INFINITY }, retry: { maxWait: 0 } },
    { connections: undefined, limits: undefined, timeouts: { idle: undefined } },
    { connections: 1, workers: 1, limits: defaultLimits, timeouts: defaultTimeouts, retry: defaultRetry },
    { timeouts: { minimumRate: 0 } },
    { limits: { layerBytes: Number.POSITIVE_INFINITY } }
  ])
    take(options)
})

test.each([
  ["concurrency", 0],
  ["workers", 1.5],
  ["connections", 0],
  ["connections", Number.NaN],
  ["connections", "8"],
  ["partialsFor", -1]
])("a number that cannot be used is refused: %s %s", (option, value) => {
  expect(refusal({ [option]: value })).toMatchObject({ _tag: "InvalidOption", option })
})

test.each([
  ["root", 5],
  ["root", ""],
  ["layersDir", null],
  ["keepBlobs", "a\0b"],
  ["credentials", 5],
  ["credentials", null],
  ["credentials", [{ username: "me", password: "x" }]]
])("a path or credentials of another type are refused: %s %s", (option, value) => {
  expect(refusal({ [option]: value })).toMatchObject({ _tag: "InvalidOption", option })
})

test.each([
  [null, /must be an object with username and password/],
  [undefined, /must be an object/],
  ["me:hunter2", /must be an object/],
  [{ user: "me", pass: "hunter2" }, /must have username and password.*; it has user, pass$/],
  [{}, /must have username/],
  [{ username: "me" }, /must have password/],
  [{ username: "me", password: undefined }, /must have password/],
  [{ username: undefined, password: "hunter2" }, /must have username/],
  [{ identityToken: 5 }, /must have identityToken/],
  [{ registryToken: "hunter2", username: "me" }, /./]
])("credentials of a wrong shape are refused, and no value is shown: %j", (value, problem) => {
  const error = refusal({ credentials: { "r.test": { username: "me", password: "x" }, host: value } })
  expect(error).toMatchObject({ _tag: "InvalidOption", option: 'credentials["host"]' })
  expect(error.problem).toMatch(problem)
  expect(error.message).not.toContain("hunter2")
})

test("credentials of each shape are taken, as text or redacted", () => {
  for (const secret of ["x", Redacted.make("x"), ""])
    for (const it of [{ username: "me", password: secret }, { identityToken: secret }, { registryToken: secret }])
      take({ credentials: { "r.test": it } })
  take({ credentials: () => undefined })
})

test("what is not an object of options is refused", () => {
  for (const options of [null, 5, "root"]) expect(refusal(options)).toMatchObject({ _tag: "InvalidOption" })
})

test.each([
  ["limits", "layerBytes", -1],
  ["timeouts", "idle", 0],
  ["timeouts", "idle", 2 ** 31],
  ["timeouts", "headers", Number.POSITIVE_INFINITY],
  ["timeouts", "document", 0],
  ["timeouts", "total", 0],
  ["timeouts", "total", -Number.POSITIVE_INFINITY],
  ["retry", "maxWait", -1],
  ["timeouts", "rateWindow", 0],
  ["timeouts", "minimumRate", -1],
  ["retry", "times", Number.POSITIVE_INFINITY]
])("a number within a group is refused by its whole name: %s.%s", (group, key, value) => {
  expect(refusal({ [group]: { [key]: value } })).toMatchObject({ _tag: "InvalidOption", option: `${group}.${key}` })
})

test.each([
  ["limits", "layerByte", Object.keys(defaultLimits)],
  ["timeouts", "Idle", Object.keys(defaultTimeouts)],
  ["retry", "attempts", Object.keys(defaultRetry)],
  ["retry", "toString", Object.keys(defaultRetry)]
])("a misspelt key is refused, and told which there are: %s.%s", (group, key, known) => {
  for (const value of [1, undefined]) {
    const error = refusal({ [group]: { [key]: value } })
    expect(error).toMatchObject({ _tag: "InvalidOption", option: `${group}.${key}` })
    for (const name of known) expect(error.advice).toContain(name)
  }
})

test.each([
  ["limits", 5],
  ["timeouts", null],
  ["retry", "3"]
])("a group that is none is refused: %s %s", (option, value) => {
  expect(refusal({ [option]: value })).toMatchObject({ _tag: "InvalidOption", option })
})

test("a choice that is none of those there are is refused", () => {
  expect(refusal({ layout: "tree" }).message).toBe("option `layout` must be layers, overlay, rootfs or erofs")
})

test.each([{ limit: 0 }, { limit: 1.5 }, { limit: "2" }, { first: 3 }])(
  "a page that cannot be is refused: %j",
  (page) => {
    const option = Object.keys(page)[0]
    expect(Effect.runSync(Effect.flip(checkOptions("images", page)))).toMatchObject({ _tag: "InvalidOption", option })
  }
)

const wrong: ReadonlyArray<unknown> = ["8", Number.NaN, -1, null, true, [], {}, -Number.POSITIVE_INFINITY]
const groups = { limits: defaultLimits, timeouts: defaultTimeouts, retry: defaultRetry }
const inGroups = Object.entries(groups).flatMap(([group, known]) =>
  Object.keys(known).map((key) => [group, key] as const)
)

test.each(inGroups)("a number of a group is a number, and not negative: %s.%s", (group, key) => {
  for (const value of wrong)
    expect(refusal({ [group]: { [key]: value } })).toMatchObject({ _tag: "InvalidOption", option: `${group}.${key}` })
})

test.each(["access", "ownership", "statFormat", "layout", "overlayAttributes", "durability"])(
  "a choice is one of those there are, by its very name: %s",
  (option) => {
    for (const value of [...wrong, "", "Private", "toString"])
      expect(refusal({ [option]: value })).toMatchObject({ _tag: "InvalidOption", option })
  }
)

const host = 'hosts["r.test"]'
const unusable: ReadonlyArray<readonly [options: object, option: string]> = [
  ...["ca", "client", "insecure", "plainHttp", "headers", "trustedHosts", "mirrors"].flatMap((key) =>
    [null, Number.NaN, -1, ""].map((value) => [{ hosts: { "r.test": { [key]: value } } }, `${host}.${key}`] as const)
  ),
  ...[
    "http://minio.test",
    "10.0.0.0/33",
    "fd00::/129",
    "10.0.0/8",
    "*.test",
    "a b",
    "a.test:65536",
    "[a.test]",
    ""
  ].map(
    (value) => [{ hosts: { "r.test": { trustedHosts: [".ok.test", value] } } }, `${host}.trustedHosts[1]`] as const
  ),
  [{ hosts: { "r.test": { trustedHosts: "minio.test" } } }, `${host}.trustedHosts`],
  [{ hosts: { "r.test": { trustedHost: ["minio.test"] } } }, `${host}.trustedHost`],
  [{ hosts: { "r.test": { ca: ["a.pem", undefined] } } }, `${host}.ca[1]`],
  [{ hosts: { "r.test": { client: { key: "k.pem" } } } }, `${host}.client.cert`],
  [{ hosts: { "r.test": { client: [{ cert: 1 }] } } }, `${host}.client[0].cert`],
  [{ hosts: { "r.test": { headers: { "x-key": 1 } } } }, `${host}.headers["x-key"]`],
  [{ hosts: { "r.test": { mirrors: [{ ca: "a.pem" }] } } }, `${host}.mirrors[0].url`],
  [{ hosts: { "r.test": { mirrors: ["m.test", { url: "m.test", insecure: "no" }] } } }, `${host}.mirrors[1].insecure`],
  [
    { hosts: { "r.test": { mirrors: [{ url: "m.test", capabilities: ["puls"] }] } } },
    `${host}.mirrors[0].capabilities[0]`
  ],
  [{ hosts: { "r.test": "m.test" } }, host],
  [{ hosts: ["r.test"] }, "hosts"],
  [{ hosts: null }, "hosts"],
  [{ hostsDirs: "certs.d" }, "hostsDirs"],
  [{ hostsDirs: [""] }, "hostsDirs[0]"],
  [{ plainHttp: "false" }, "plainHttp"],
  [{ proxy: true }, "proxy"],
  [{ proxy: "http://proxy.test" }, "proxy"],
  [{ proxy: {} }, "proxy.url"],
  [{ proxy: { url: 5 } }, "proxy.url"],
  [{ proxy: { url: "http://proxy.test", noProxy: ["a.test"] } }, "proxy.noProxy"]
]
test.each(unusable)("what says how hosts are reached has its form: %j is refused by the name %s", (options, option) => {
  expect(refusal(options)).toMatchObject({ _tag: "InvalidOption", option })
})

test("what says how hosts are reached is taken in each of its forms", () => {
  const trustedHosts = [
    "minio.test:9000",
    ".corp.test",
    "10.1.0.0/16",
    "fd00::/8",
    "10.9.9.9",
    "fd00::1",
    "[fd00::1]:443"
  ]
  const secret = Redacted.make("x")
  const client = { cert: "c.pem", key: undefined }
  const mirrors = ["m.test", { url: "https://m.test", capabilities: ["pull", "Resolve"], overridePath: true, client }]
  for (const options of [
    { hosts: { "*": { trustedHosts, mirrors, ca: "a.pem", client: [client], headers: { a: secret, b: "" } } } },
    { hosts: { "r.test": undefined, "s.test": { ca: [], insecure: false, plainHttp: undefined } } },
    { plainHttp: false, hostsDirs: [], proxy: false },
    { proxy: { url: secret, noProxy: "" } }
  ])
    take(options)
})

test("no value of a header or a proxy is shown", () => {
  for (const options of [{ hosts: { "r.test": { headers: ["hunter2"] } } }, { proxy: "http://me:hunter2@proxy.test" }])
    expect(refusal(options).message).not.toContain("hunter2")
})
