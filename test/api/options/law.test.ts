/**
 * The law of options: whatever public function is given an option by a wrong name, of a wrong type or out of its range fails with
 * an `InvalidOption` that names it, and has done nothing by then: no file is made, no request is sent.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { lastValueFrom, type Observable } from "rxjs"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { InvalidOption, PullError } from "../../../src/api/errors.ts"
import { watching } from "../../../src/api/options/calls.ts"
import { type FunctionName, optionsOf } from "../../../src/api/options/checkOptions.ts"
import type { AnyTable, Kind } from "../../../src/api/options/Kind.ts"
import { hostOptions, mirrorOptions, proxyOptions } from "../../../src/api/options/network.ts"
import { type Client, open } from "../../../src/client.ts"
import { login } from "../../../src/login.ts"
import { Puller, pull } from "../../../src/Puller.ts"
import { openRegistry, type RegistryClient } from "../../../src/registry.ts"
import { image, startRegistry, type TestRegistry } from "../../../src/testing/index.ts"

let home: string
let registry: TestRegistry
let oci: Client
let reader: RegistryClient
let runtime: ManagedRuntime.ManagedRuntime<Puller, PullError>
let before: ReadonlyArray<string>

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "ociflow-options-"))
  registry = await startRegistry({ images: { "app:1": await image() } })
  oci = await open({ root: join(home, "store"), credentials: {} })
  reader = await openRegistry({ credentials: {} })
  runtime = ManagedRuntime.make(Puller.layer({ root: join(home, "store"), credentials: {} }))
  await runtime.runPromise(Puller.use(() => Effect.void))
  before = await readdir(home, { recursive: true })
}, 60_000)
afterAll(async () => {
  await oci.close()
  await reader.close()
  await runtime.dispose()
  await registry.close()
  await rm(home, { recursive: true, force: true })
})

const seen = <A>(source: Observable<A>) => lastValueFrom(source, { defaultValue: undefined })
const name = () => registry.reference("app:1")
const anyDigest = `sha256:${"a".repeat(64)}`
/** Options as a caller without types gives them: they fit every function. */
type Given = never

interface Call {
  readonly of: FunctionName
  readonly call: (options: Given) => Promise<unknown>
}
const service = (use: (puller: Puller["Service"]) => Effect.Effect<unknown, PullError>) =>
  runtime.runPromise(Puller.use(use))

const calls: Readonly<Record<string, Call>> = {
  "client.pulls": { of: "pulls.start", call: (options) => oci.pulls.start(name(), options) },
  open: { of: "open", call: (options) => open(Object.assign({ root: join(home, "other") }, options)) },
  openRegistry: { of: "openRegistry", call: (options) => openRegistry(options) },
  "registry.resolve": { of: "registry.resolve", call: (options) => reader.resolve(name(), options) },
  "registry.manifest": { of: "registry.manifest", call: (options) => reader.manifest(name(), options) },
  "registry.config": { of: "registry.config", call: (options) => reader.config(name(), options) },
  "registry.tags": { of: "registry.tags", call: (options) => reader.tags(name(), options) },
  "registry.tags$": { of: "registry.tags", call: (options) => seen(reader.tags$(name(), options)) },
  "registry.referrers": { of: "registry.referrers", call: (options) => reader.referrers(name(), options) },
  "registry.referrers$": { of: "registry.referrers", call: (options) => seen(reader.referrers$(name(), options)) },
  "registry.artifact": { of: "registry.artifact", call: (options) => reader.artifact(name(), options) },
  "registry.blob$": { of: "registry.blob$", call: (options) => seen(reader.blob$(name(), anyDigest, options)) },
  "registry.blob": {
    of: "registry.blob",
    call: (options) => reader.blob(name(), anyDigest, options)[Symbol.asyncIterator]().next()
  },
  "client.pull": { of: "pull", call: (options) => oci.pull(name(), options) },
  "client.pull$": { of: "pull", call: (options) => seen(oci.pull$(name(), options)) },
  "client.entries$": { of: "entries$", call: (options) => seen(oci.entries$(name(), options)) },
  "client.entries$ with a function": {
    of: "entries$",
    call: (options) => seen(oci.entries$(name(), options, () => []))
  },
  "client.entries": { of: "entries$", call: (options) => oci.entries(name(), options)[Symbol.asyncIterator]().next() },
  "client.artifact": { of: "artifact", call: (options) => oci.artifact(name(), options) },
  "client.blob$": { of: "blob$", call: (options) => seen(oci.blob$(name(), anyDigest, options)) },
  "client.blob": { of: "blob", call: (options) => oci.blob(name(), anyDigest, options)[Symbol.asyncIterator]().next() },
  "client.tree$": { of: "tree", call: (options) => seen(oci.tree$(name(), options)) },
  "client.tree": { of: "tree", call: (options) => oci.tree(name(), options)[Symbol.asyncIterator]().next() },
  "client.readFile": { of: "readFile", call: (options) => oci.readFile(name(), "etc", options) },
  "client.list": { of: "list", call: (options) => oci.list(name(), "/", options) },
  "client.export$": { of: "export$", call: (options) => seen(oci.export$(name(), options)) },
  "client.export": { of: "export", call: (options) => oci.export(name(), options)[Symbol.asyncIterator]().next() },
  "client.bundle": { of: "bundle", call: (options) => oci.bundle(name(), join(home, "bundle"), options) },
  "client.config": { of: "config", call: (options) => oci.config(name(), options) },
  "client.resolve": { of: "resolve", call: (options) => oci.resolve(name(), options) },
  "client.manifest": { of: "manifest", call: (options) => oci.manifest(name(), options) },
  "client.tags": { of: "tags", call: (options) => oci.tags(name(), options) },
  "client.tags$": { of: "tags", call: (options) => seen(oci.tags$(name(), options)) },
  "client.referrers": { of: "referrers", call: (options) => oci.referrers(name(), options) },
  "client.referrers$": { of: "referrers", call: (options) => seen(oci.referrers$(name(), options)) },
  "client.images": { of: "images", call: (options) => oci.images(options) },
  "client.inspect": { of: "inspect", call: (options) => oci.inspect(name(), options) },
  "client.hold": { of: "hold", call: (options) => oci.hold(name(), options) },
  "client.remove": { of: "remove", call: (options) => oci.remove(name(), options) },
  "client.prune": { of: "prune", call: (options) => oci.prune(options) },
  "client.usage": { of: "usage", call: (options) => oci.usage(options) },
  "client.kept": { of: "kept", call: (options) => oci.kept([], options) },
  "client.verify": { of: "verify", call: (options) => oci.verify(options) },
  "client.login": {
    of: "login",
    call: (options) => oci.login(registry.host, { username: "me", password: "x" }, options)
  },
  "client.logout": { of: "logout", call: (options) => oci.logout(registry.host, options) },
  "Puller.pull": { of: "pull", call: (options) => service((puller) => puller.pull(name(), options)) },
  "Puller.prune": { of: "prune", call: (options) => service((puller) => puller.prune(options)) },
  "Puller.verify": { of: "verify", call: (options) => service((puller) => puller.verify(options)) },
  "Puller.tags": { of: "tags", call: (options) => service((puller) => puller.tags(name(), options)) },
  pull: {
    of: "pull",
    call: (options) => runtime.runPromise(pull(name(), options))
  },
  login: {
    of: "open",
    call: (options) => Effect.runPromise(login(registry.host, { username: "me", password: "x" } as Given, options))
  }
}

/** What takes no options. */
const withoutOptions = ["settled", "close"]

test("each function of a client, and of a registry reader, is tried below", () => {
  const functions = [
    ...Object.keys(oci).map((method) => `client.${method}`),
    ...Object.keys(reader).map((method) => `registry.${method}`)
  ].filter((method) => !withoutOptions.includes(method.slice(method.indexOf(".") + 1)))
  expect(functions.filter((method) => calls[method] === undefined)).toEqual([])
})

const nothingIsDone = async (call: Promise<unknown>): Promise<InvalidOption> => {
  const requests = registry.log.all.length
  const error = await call.then(
    () => expect.unreachable("it was to fail"),
    (error: unknown) => error
  )
  expect(error).toBeInstanceOf(PullError)
  const reason = error instanceof PullError ? error.reason : undefined
  expect(reason).toBeInstanceOf(InvalidOption)
  expect(await readdir(home, { recursive: true })).toEqual(before)
  expect(registry.log.all.length).toBe(requests)
  return reason as InvalidOption
}

/** Values that no option of such a form may have. */
const never: ReadonlyArray<unknown> = [Number.NaN, -1, Number.NEGATIVE_INFINITY, null, Symbol("option")]
const wrong: Readonly<Record<Kind<unknown>["form"], ReadonlyArray<unknown>>> = {
  number: ["", "8", "20GiB", true, [], {}, new Date(1)],
  choice: ["", "nonsense", "toString", "Private", true, [], {}, 0],
  boolean: ["", "true", "false", 0, 1, [], {}],
  path: ["", "a\0b", true, [], {}, 0],
  text: ["", true, [], {}, 0],
  list: ["", true, {}, 0, [null], [Number.NaN]],
  record: ["", true, [], 0, new Map(), Promise.resolve({})],
  object: ["", true, [], 0, new Map(), Promise.resolve({}), { nonsense: 1 }],
  other: [true, 0]
}
const wrongOf = ({ form, least, most, values }: Kind<unknown>): ReadonlyArray<unknown> => [
  ...never,
  ...wrong[form],
  ...(least === undefined ? [] : [least - 1, ...(values === "bytes per byte" ? [] : [least + 0.5])]),
  ...(most === undefined || most === Number.POSITIVE_INFINITY ? [] : [most + 1])
]

interface Place {
  /** Of the option. */
  readonly at: string
  readonly label: string
  readonly kind: Kind<unknown>
  readonly name: string
  readonly given: (name: string, value: unknown) => object
}

/** Each option of a table, and of the tables in it. */
const placesOf = (table: AnyTable, prefix = "", within = (inner: object): object => inner): ReadonlyArray<Place> =>
  Object.entries(table).flatMap(([name, { kind }]) => [
    { at: prefix, label: prefix + name, kind, name, given: (name, value) => within({ [name]: value }) },
    ...(kind.table === undefined ? [] : placesOf(kind.table, `${prefix}${name}.`, (inner) => within({ [name]: inner })))
  ])

const isOpening = (of: FunctionName) => of === "open" || of === "openRegistry"

const host = 'hosts["r.test"].'
const ofHosts: ReadonlyArray<Place> = [
  ...placesOf(hostOptions, host, (inner) => ({ hosts: { "r.test": inner } })),
  ...placesOf(mirrorOptions, `${host}mirrors[0].`, (inner) => ({
    hosts: { "r.test": { mirrors: [{ url: "m.test", ...inner }] } }
  })),
  ...placesOf(proxyOptions, "proxy.", (inner) => ({ proxy: { url: "http://p.test", ...inner } }))
]

describe.each(Object.entries(calls))("%s", (_, { of, call }) => {
  const table: AnyTable = { ...optionsOf[of], ...(isOpening(of) ? {} : watching) }
  const places = [...placesOf(table), ...(isOpening(of) ? ofHosts : [])]

  test.each(places)("$label is refused by a wrong name, which is told the right one", async ({ at, name, given }) => {
    for (const misspelt of [`${name}${name.at(-1)}`, name.toUpperCase()])
      for (const value of [1, undefined]) {
        const reason = await nothingIsDone(call(given(misspelt, value) as Given))
        expect(reason).toMatchObject({ option: at + misspelt, suggestion: at + name })
        expect(reason.message).toBe(`unknown option \`${at}${misspelt}\`; did you mean \`${at}${name}\`?`)
      }
  })

  test.each(places)("$label is refused with a wrong value", async ({ at, name, kind, given }) => {
    for (const value of wrongOf(kind)) {
      const { option, message } = await nothingIsDone(call(given(name, value) as Given))
      expect(option.startsWith(at + name), `${option} for ${String(value)}`).toBe(true)
      expect(message).toContain(at + name)
    }
  })

  test("options that are no object, or of names that nothing is like, are refused", async () => {
    if (!isOpening(of))
      for (const options of [null, 5, "x", [], new Map(), Promise.resolve({ dryRun: true })])
        expect(await nothingIsDone(call(options as Given))).toMatchObject({ option: "options" })
    const reason = await nothingIsDone(call({ zzzzzz: 1 } as Given))
    expect(reason).toMatchObject({ option: "zzzzzz", known: Object.keys(table) })
    expect(reason.suggestion).toBeUndefined()
  })
})

test.each([
  ["prune", { keepBytes: Number.NaN }, "keepBytes"],
  ["prune", { keepBytes: "20GiB" }, "keepBytes"],
  ["prune", { unusedFor: -1 }, "unusedFor"],
  ["prune", { olderThan: 1 }, "olderThan"],
  ["prune", { dryrun: true }, "dryrun"],
  ["prune", { partialsfor: 1 }, "partialsfor"],
  ["prune", { partialsFor: Number.NaN }, "partialsFor"],
  ["verify", { repiar: true }, "repiar"],
  ["remove", { dryRun: true }, "dryRun"],
  ["entries$", { platfrom: "linux/arm64" }, "platfrom"],
  ["entries$", { signal: "abort" }, "signal"],
  ["tags", { anything: 1 }, "anything"],
  ["manifest", { plattform: "linux/amd64" }, "plattform"],
  ["open", { rooot: "x" }, "rooot"],
  ["open", { root: "" }, "root"],
  ["open", { proxy: { ul: "http://p.test" } }, "proxy.ul"],
  ["open", { proxy: { url: "ftp://p.test" } }, "proxy"],
  ["open", { hosts: { "*": { plainHtp: true } } }, 'hosts["*"].plainHtp'],
  ["open", { hosts: { "https://r.test": {} } }, 'hosts["https://r.test"]'],
  ["open", { credentials: 5 }, "credentials"]
])("%s(%o) names %s", async (of, options, option) => {
  const { call } = calls[of === "open" ? of : `client.${of}`] ?? expect.unreachable()
  expect(await nothingIsDone(call(options as Given))).toMatchObject({ option })
})

test("what is refused names neither a value nor a secret", async () => {
  for (const options of [{ proxy: "http://me:hunter2@p.test" }, { credentials: { "r.test": "hunter2" } }]) {
    const reason = await nothingIsDone(open(options as Given))
    expect(JSON.stringify(reason)).not.toContain("hunter2")
  }
})
