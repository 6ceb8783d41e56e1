import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { describe, expect } from "vitest"
import type { PullerOptions } from "../../../src/api/config.ts"
import type { PullEvent } from "../../../src/api/events.ts"
import { addressOf } from "../../../src/registry/connection/Endpoint.ts"
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
      expect(yield* urls("plain.test", { hosts, hostsDirs })).toEqual(["http://plain.test/v2/a/manifests/1"])
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
