import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { describe, expect } from "vitest"
import type { PullerOptions } from "../../../src/api/config.ts"
import type { PullEvent } from "../../../src/api/events.ts"
import { addressOf } from "../../../src/registry/address/Endpoint.ts"
import { makeHosts } from "../../../src/registry/hosts/Hosts.ts"
import { it } from "../../support/effect.ts"

const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "ociflow-hosts-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)
const file = (path: string, name: string, text: string) =>
  Effect.promise(async () => {
    await mkdir(path, { recursive: true })
    await writeFile(join(path, name), text)
  })
const placesOf = (registry: string, options: PullerOptions, events: Array<PullEvent> = []) =>
  Effect.flatMap(makeHosts(options), ({ of }) => of(registry, (event) => void events.push(event)))
const urls = (registry: string, options: PullerOptions) =>
  Effect.map(placesOf(registry, options), ({ mirrors, origin }) =>
    [...mirrors.map(({ endpoint }) => endpoint), origin].map((endpoint) => addressOf(endpoint, "a/manifests/1").href)
  )

describe("hosts.toml", () => {
  it.live("names the mirrors in their order, and the registry itself is asked last", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      yield* file(
        join(dir, "docker.io"),
        "hosts.toml",
        `
server = "https://registry-1.docker.io"
[host."https://b.test"]
  capabilities = ["pull", "resolve", "push"]
[host."http://a.test:5000/cache"]
  capabilities = ["pull"]
  [host."http://a.test:5000/cache".header]
    x-key = ["one", "two"]
[host."https://c.test/artifactory/api/docker/hub/v2/"]
[host."https://d.test/api"]
  override_path = true
  skip_verify = true
  ca = "d.pem"
  client = [["d.cert", "d.key"], ["both.pem"]]
  dial_timeout = "5s"
`
      )
      const { mirrors, origin } = yield* placesOf("docker.io", { hostsDirs: [dir] })
      const where = yield* urls("docker.io", { hostsDirs: [dir] })
      expect(where).toEqual([
        "https://b.test/v2/a/manifests/1?ns=docker.io",
        "http://a.test:5000/cache/v2/a/manifests/1?ns=docker.io",
        "https://c.test/artifactory/api/docker/hub/v2/a/manifests/1?ns=docker.io",
        "https://d.test/api/a/manifests/1?ns=docker.io",
        "https://registry-1.docker.io/v2/a/manifests/1"
      ])
      expect(mirrors.map(({ resolves, pulls }) => [resolves, pulls])).toEqual([
        [true, true],
        [false, true],
        [true, true],
        [true, true]
      ])
      expect(Redacted.value(mirrors[1]?.endpoint.headers?.["x-key"] ?? Redacted.make(""))).toBe("one, two")
      expect(mirrors[3]?.endpoint.tls).toEqual({
        ca: [join(dir, "docker.io/d.pem")],
        client: [
          { cert: join(dir, "docker.io/d.cert"), key: join(dir, "docker.io/d.key") },
          { cert: join(dir, "docker.io/both.pem"), key: join(dir, "docker.io/both.pem") }
        ],
        insecure: true
      })
      expect(mirrors.map(({ endpoint }) => endpoint.registry)).toEqual(["b.test", "a.test:5000", "c.test", "d.test"])
      expect(origin.tls).toBeUndefined()
    })
  )

  it.live("is found under host:port, host_port_, and _default, which forgives no certificate and shows none", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      yield* file(join(dir, "r.test_5000_"), "hosts.toml", `[host."https://one.test"]`)
      yield* file(join(dir, "s.test:5000"), "hosts.toml", `server = "https://other.test"\nskip_verify = true`)
      yield* file(
        join(dir, "_default"),
        "hosts.toml",
        `skip_verify = true\nclient = "c.pem"\n[host."https://all.test"]`
      )
      yield* file(join(dir, "certs.test"), "ca.crt", "")
      yield* file(join(dir, "certs.test"), "me.cert", "")
      yield* file(join(dir, "certs.test"), "me.key", "")
      const options = { hostsDirs: [join(dir, "absent"), dir] }
      expect(yield* urls("r.test:5000", options)).toEqual([
        "https://one.test/v2/a/manifests/1?ns=r.test%3A5000",
        "https://r.test:5000/v2/a/manifests/1"
      ])
      expect(yield* urls("s.test:5000", options)).toEqual(["https://other.test/v2/a/manifests/1?ns=s.test%3A5000"])
      expect(yield* urls("x.test", options)).toEqual([
        "https://all.test/v2/a/manifests/1?ns=x.test",
        "https://x.test/v2/a/manifests/1"
      ])
      expect((yield* placesOf("x.test", options)).origin.tls).toBeUndefined()
      const { mirrors, origin } = yield* placesOf("certs.test", options)
      expect(mirrors).toEqual([])
      expect(origin.tls).toMatchObject({
        ca: [join(dir, "certs.test/ca.crt")],
        client: [{ key: join(dir, "certs.test/me.key") }]
      })
      const { tls } = yield* makeHosts(options)
      expect([
        (yield* tls("certs.test"))?.ca.length,
        yield* tls("elsewhere.test"),
        yield* tls("../../certs.test")
      ]).toEqual([1, undefined, undefined])
    })
  )

  it.live("that cannot be used is a warning, and the registry is asked itself", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      for (const text of ["[host", "host = 1", `[host."https://a.test"]\ncapabilities = 7`]) {
        yield* file(join(dir, "r.test"), "hosts.toml", text)
        const events: Array<PullEvent> = []
        const { mirrors, origin } = yield* placesOf("r.test", { hostsDirs: [dir] }, events)
        expect([mirrors, origin.origin]).toEqual([[], "https://r.test"])
        expect(events).toMatchObject([{ _tag: "Warning", code: "HostsFileUnusable" }])
      }
    })
  )

  it.live("that cannot be used is a warning also of a host that is a mirror, or the server, of another", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      for (const host of ["m.test", "n.test_5000_", "s.test", "_default"])
        yield* file(join(dir, host), "hosts.toml", "[host")
      const table = `server = "https://s.test"\n[host."https://m.test"]\n[host."https://n.test:5000"]\n[host."https://m.test/v2/b"]`
      yield* file(join(dir, "r.test"), "hosts.toml", table)
      const events: Array<PullEvent> = []
      const { mirrors, origin } = yield* placesOf("r.test", { hostsDirs: [dir] }, events)
      expect([...mirrors.map(({ endpoint }) => endpoint), origin].map(({ origin }) => origin)).toEqual([
        "https://m.test",
        "https://n.test:5000",
        "https://m.test",
        "https://s.test"
      ])
      const unusable = (host: string) => ({
        _tag: "Warning",
        code: "HostsFileUnusable",
        message: expect.stringContaining(join(dir, host, "hosts.toml"))
      })
      expect(events).toHaveLength(4)
      expect(events).toEqual(
        expect.arrayContaining(["m.test", "n.test_5000_", "s.test", "_default"].map((host) => unusable(host)))
      )
    })
  )
})

describe("the option hosts", () => {
  it.live("says the same, and counts before the directories", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      yield* file(join(dir, "r.test"), "hosts.toml", `[host."https://file.test"]`)
      const hostsDirs = [dir]
      const hosts: PullerOptions["hosts"] = {
        "r.test": { mirrors: ["localhost:5001", { url: "https://m.test", capabilities: ["pull"] }], ca: "ca.pem" },
        "plain.test": { plainHttp: true },
        "*": { mirrors: ["https://all.test"], insecure: true }
      }
      expect(yield* urls("r.test", { hostsDirs, hosts })).toEqual([
        "http://localhost:5001/v2/a/manifests/1?ns=r.test",
        "https://m.test/v2/a/manifests/1?ns=r.test",
        "https://r.test/v2/a/manifests/1"
      ])
      expect((yield* placesOf("r.test", { hosts, hostsDirs })).origin.tls?.ca).toEqual(["ca.pem"])
      expect(yield* urls("plain.test", { hosts, hostsDirs })).toEqual([
        "https://all.test/v2/a/manifests/1?ns=plain.test",
        "http://plain.test/v2/a/manifests/1"
      ])
      expect(yield* urls("x.test", { hosts, hostsDirs })).toEqual([
        "https://all.test/v2/a/manifests/1?ns=x.test",
        "https://x.test/v2/a/manifests/1"
      ])
      expect((yield* placesOf("x.test", { hosts, hostsDirs })).origin.tls).toBeUndefined()
    })
  )

  it.live("with an address that is none is a warning", () =>
    Effect.gen(function* () {
      for (const url of ["ftp://m.test", "https://me:secret@m.test", "https://"]) {
        const events: Array<PullEvent> = []
        expect(
          (yield* placesOf("r.test", { hostsDirs: [], hosts: { "r.test": { mirrors: [url] } } }, events)).mirrors
        ).toEqual([])
        expect(events).toMatchObject([{ code: "MirrorUnusable" }])
        expect(JSON.stringify(events)).not.toContain("secret")
      }
    })
  )
})

describe("a table that names the registry itself", () => {
  const table = `ca = "ca.crt"\nskip_verify = true\nclient = "both.pem"\n[host.URL.header]\nx-key = "one"\n`
  const tables: ReadonlyArray<readonly [registry: string, url: string]> = [
    ["reg.test:5000", "https://reg.test:5000"],
    ["reg.test:5000", "HTTPS://REG.test:5000/v2/"],
    ["reg.test", "https://reg.test:443"],
    ["reg.test:5000", "reg.test:5000"],
    ["localhost:5000", "https://localhost:5000"],
    ["docker.io", "https://registry-1.docker.io"]
  ]
  for (const [registry, url] of tables)
    it.live(`of ${registry}, as ${url}: its settings are the registry's`, () =>
      Effect.gen(function* () {
        const dir = yield* directory
        const text = `[host."${url}"]\n${table.replace("URL", JSON.stringify(url))}`
        for (const more of ["", `[host."https://m.test"]\n`]) {
          yield* file(join(dir, registry), "hosts.toml", text + more)
          const { mirrors, origin } = yield* placesOf(registry, { hostsDirs: [dir] })
          const at = (name: string) => join(dir, registry, name)
          expect(origin).toMatchObject({
            registry,
            plainHttp: false,
            tls: { ca: [at("ca.crt")], client: [{ cert: at("both.pem"), key: at("both.pem") }], insecure: true }
          })
          expect(origin.origin).toMatch(/^https:/)
          expect(Redacted.value(origin.headers?.["x-key"] ?? Redacted.make(""))).toBe("one")
          expect(mirrors.map(({ endpoint: { registry, namespace } }) => [registry, namespace])).toEqual(
            more === ""
              ? []
              : [
                  [registry, undefined],
                  ["m.test", registry]
                ]
          )
        }
      })
    )

  it.live("keeps its place among the mirrors, once, and needs none at their end", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      const write = (...hosts: ReadonlyArray<string>) =>
        file(join(dir, "r.test"), "hosts.toml", hosts.map((it) => `[host."${it}"]\n`).join(""))
      const seen = urls("r.test", { hostsDirs: [dir] })
      const [r, m, n] = [
        "https://r.test/v2/a/manifests/1",
        "https://m.test/v2/a/manifests/1?ns=r.test",
        "https://n.test/v2/a/manifests/1?ns=r.test"
      ]
      yield* write("https://m.test", "https://r.test", "https://n.test")
      expect(yield* seen).toEqual([m, r, n, r])
      yield* write("https://m.test", "https://n.test", "https://r.test")
      expect(yield* seen).toEqual([m, n, r])
      yield* write("https://r.test", "https://m.test", "r.test:443")
      expect(yield* seen).toEqual([r, m, r])
    })
  )

  it.live("says the scheme, unless the server does; another path is another place", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      const at = (text: string) =>
        Effect.andThen(file(join(dir, "r.test:5000"), "hosts.toml", text), urls("r.test:5000", { hostsDirs: [dir] }))
      expect(yield* at(`[host."http://r.test:5000"]`)).toEqual(["http://r.test:5000/v2/a/manifests/1"])
      expect(yield* at(`server = "https://r.test:5000"\n[host."http://r.test:5000"]`)).toEqual([
        "http://r.test:5000/v2/a/manifests/1",
        "https://r.test:5000/v2/a/manifests/1"
      ])
      expect(yield* at(`server = "http://r.test:5000"`)).toEqual(["http://r.test:5000/v2/a/manifests/1"])
      expect(yield* at(`[host."https://r.test:5000/cache"]`)).toEqual([
        "https://r.test:5000/cache/v2/a/manifests/1?ns=r.test%3A5000",
        "https://r.test:5000/v2/a/manifests/1"
      ])
    })
  )

  it.live("adds to what stands at the top, which is of all the server is asked, and says more than that", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      const text = (server: string) => `server = "${server}"
ca = "top.crt"
skip_verify = true
[header]
x-top = "top"
x-key = "top"
[host."${server}"]
  ca = "table.crt"
  skip_verify = false
  [host."${server}".header]
    x-key = "table"
`
      for (const server of ["https://r.test", "https://other.test"]) {
        yield* file(join(dir, "r.test"), "hosts.toml", text(server))
        const { mirrors, origin } = yield* placesOf("r.test", { hostsDirs: [dir] })
        expect(mirrors).toEqual([])
        expect(origin.origin).toBe(server)
        expect(origin.tls?.ca.map((path) => basename(path))).toEqual(["top.crt", "table.crt"])
        expect(origin.tls?.insecure).toBe(false)
        const headers = Object.entries(origin.headers ?? {}).map(([name, value]) => [name, Redacted.value(value)])
        expect(Object.fromEntries(headers)).toEqual({ "x-top": "top", "x-key": "table" })
      }
    })
  )

  it.live("has all capabilities where it lists none; they are read in any case", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      const rows = [
        ["[]", true, true],
        ['["Pull"]', false, true],
        ['["RESOLVE", "push"]', true, false],
        ['["push"]', false, false],
        ['["pull", "resolve"]', true, true]
      ] as const
      for (const [capabilities, resolves, pulls] of rows) {
        yield* file(join(dir, "r.test"), "hosts.toml", `[host."https://m.test"]\ncapabilities = ${capabilities}`)
        const { mirrors } = yield* placesOf("r.test", { hostsDirs: [dir] })
        expect(mirrors, capabilities).toMatchObject([{ resolves, pulls }])
      }
    })
  )
})

describe("what is said of all hosts and of one", () => {
  const tlsOf = (registry: string, options: PullerOptions) =>
    Effect.map(placesOf(registry, options), ({ origin }) => origin.tls)

  it.live("by options adds up, and what names the host counts", () =>
    Effect.gen(function* () {
      const hosts: PullerOptions["hosts"] = {
        "*": { ca: "all.pem", mirrors: ["https://m.test"], headers: { "X-A": "all", "x-b": "all" }, insecure: true },
        "r.test": { insecure: true, headers: { "x-a": "named" } },
        "s.test": { ca: ["all.pem", "s.pem"], mirrors: [] },
        "m.test": { ca: "m.pem", insecure: true }
      }
      const options = { hosts, hostsDirs: [] }
      const r = yield* placesOf("r.test", options)
      expect(r.origin.tls).toEqual({ ca: ["all.pem"], client: [], insecure: true })
      expect(Object.entries(r.origin.headers ?? {}).map(([name, value]) => [name, Redacted.value(value)])).toEqual([
        ["x-a", "named"],
        ["x-b", "all"]
      ])
      expect(r.mirrors[0]?.endpoint).toMatchObject({
        origin: "https://m.test",
        tls: { ca: ["all.pem", "m.pem"], insecure: true }
      })
      const s = yield* placesOf("s.test", options)
      expect([s.mirrors, s.origin.tls]).toEqual([[], { ca: ["all.pem", "s.pem"], client: [], insecure: false }])
      expect(yield* tlsOf("x.test", options)).toEqual({ ca: ["all.pem"], client: [], insecure: false })
    })
  )

  it.live("by files does so, too: _default beside docker's certificates for a host, and for a mirror", () =>
    Effect.gen(function* () {
      const [dir, config] = [yield* directory, yield* directory]
      yield* file(join(dir, "_default"), "hosts.toml", `ca = "all.crt"\n[host."https://m.test:5000"]\nca = "table.crt"`)
      const docker = join(config, "docker/certs.d")
      for (const host of ["r.test", "m.test:5000"]) {
        yield* file(join(docker, host), "ca.crt", "")
        yield* file(join(docker, host), "me.cert", "")
        yield* file(join(docker, host), "me.key", "")
      }
      const { mirrors, origin } = yield* placesOf("r.test", { hostsDirs: [dir] }).pipe(
        Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({ XDG_CONFIG_HOME: config }))
      )
      const of = (host: string) => ({ cert: join(docker, host, "me.cert"), key: join(docker, host, "me.key") })
      expect(origin.tls).toEqual({
        ca: [join(dir, "_default/all.crt"), join(docker, "r.test/ca.crt")],
        client: [of("r.test")],
        insecure: false
      })
      expect(mirrors.map(({ endpoint }) => endpoint.tls)).toEqual([
        {
          ca: [join(dir, "_default/all.crt"), join(docker, "m.test:5000/ca.crt"), join(dir, "_default/table.crt")],
          client: [of("m.test:5000")],
          insecure: false
        }
      ])
    })
  )

  it.live("leaves a host to its own hosts.toml, as containerd does", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      yield* file(join(dir, "_default"), "hosts.toml", `ca = "all.crt"\n[host."https://m.test"]`)
      yield* file(join(dir, "r.test"), "hosts.toml", `server = "https://r.test"`)
      const { mirrors, origin } = yield* placesOf("r.test", { hostsDirs: [dir] })
      expect([mirrors, origin.tls]).toEqual([[], undefined])
    })
  )

  it.live("tells how loopback is spoken to, where it says so by name", () =>
    Effect.gen(function* () {
      const origins = (options: PullerOptions) =>
        Effect.map(placesOf("localhost:5000", { hostsDirs: [], ...options }), ({ mirrors, origin }) =>
          [...mirrors.map(({ endpoint }) => endpoint), origin].map(({ origin, presumed }) => [origin, presumed])
        )
      expect(yield* origins({})).toEqual([["http://localhost:5000", true]])
      expect(yield* origins({ hosts: { "*": { ca: "all.pem" } } })).toEqual([["http://localhost:5000", true]])
      expect(yield* origins({ hosts: { "localhost:5000": { ca: "a.pem" } } })).toEqual([
        ["https://localhost:5000", undefined]
      ])
      expect(yield* origins({ plainHttp: false })).toEqual([["https://localhost:5000", undefined]])
      expect(yield* origins({ plainHttp: true })).toEqual([["http://localhost:5000", undefined]])
      expect(yield* origins({ hosts: { "localhost:5000": { plainHttp: false } }, plainHttp: true })).toEqual([
        ["https://localhost:5000", undefined]
      ])
      const mirrors = ["localhost:5001", { url: "localhost:5002", ca: "a.pem" }, "http://localhost:5003"]
      expect(yield* origins({ hosts: { "localhost:5000": { mirrors } } })).toEqual([
        ["http://localhost:5001", true],
        ["https://localhost:5002", undefined],
        ["http://localhost:5003", undefined],
        ["http://localhost:5000", true]
      ])
    })
  )
})
