import * as Effect from "effect/Effect"
import { describe, expect, test } from "vitest"
import { parse } from "../../../src/image/reference/Reference.ts"
import { scopeOfAddress, scopeOfHost } from "../../../src/registry/address/Address.ts"
import { endpointOf } from "../../../src/registry/address/Endpoint.ts"
import { Registry } from "../../../src/registry/Registry.ts"
import { it } from "../../support/effect.ts"
import { image, registry } from "../images.ts"
import { type Handler, serve } from "../server.ts"

const amd64 = { os: "linux", architecture: "amd64" }
const app = image(amd64)
const open = registry(app.parts, { 1: app.manifest })

const resolving = Effect.fnUntraced(function* (handler: Handler) {
  const served = yield* serve(handler)
  const reference = yield* parse(`${served.host}/org/app:1`)
  return {
    served,
    result: yield* Effect.result(
      Registry.use((it) => it.resolve(reference, amd64, () => undefined)).pipe(
        Effect.provide(Registry.layer({ retry: { times: 0 } }))
      )
    )
  }
})

const leading =
  (location: string | undefined): Handler =>
  (_, response) =>
    void response.writeHead(307, location === undefined ? {} : { location }).end()

describe("redirects", () => {
  it.live("are followed ten times and not eleven", () =>
    Effect.gen(function* () {
      for (const [hops, tag] of [
        [10, "Success"],
        [11, "Failure"]
      ] as const) {
        let left = hops
        const { result } = yield* resolving((request, response, served) =>
          left-- > 0 ? void response.writeHead(307, { location: request.url }).end() : open(request, response, served)
        )
        expect(result._tag).toBe(tag)
      }
    })
  )

  it.live("lead to no metadata service, no plain http elsewhere, and no other scheme", () =>
    Effect.gen(function* () {
      const refused = [
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:169.254.169.254]/",
        "https://[fe80::1]/",
        "http://example.com/blob",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "https://user:pw@127.0.0.1/"
      ]
      for (const location of refused) {
        const { result, served } = yield* resolving(leading(location))
        expect(result, location).toMatchObject({ _tag: "Failure", failure: { _tag: "AddressRefused" } })
        expect(served.requests).toHaveLength(1)
      }
      for (const location of [undefined, "http://[", "//:x"]) {
        const { result } = yield* resolving(leading(location))
        expect(result).toMatchObject({ _tag: "Failure", failure: { _tag: "InvalidResponse" } })
      }
    })
  )

  it.live("and realms are judged alike", () =>
    Effect.gen(function* () {
      for (const realm of ["https://169.254.169.254/token", "http://example.com/token", "file:///token"]) {
        const { result } = yield* resolving(
          (_, response) => void response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}"` }).end()
        )
        expect(result, realm).toMatchObject({ _tag: "Failure", failure: { _tag: "AddressRefused" } })
      }
    })
  )
})

describe("an address", () => {
  test("lies where its network says, in every spelling", () => {
    const places = {
      loopback: [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::1",
        "::ffff:0:7f00:1",
        "::7f00:1"
      ],
      "link-local": [
        "169.254.169.254",
        "fe80::1",
        "febf::1",
        "::ffff:a9fe:a9fe",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "64:ff9b:1:fffe::169.254.169.254",
        // Within a prefix of 48 bits, whose network alone knows what it holds.
        "64:ff9b:1:a9fe:a9:fe00::",
        "2002:a9fe:a9fe::1",
        // Teredo: by its server, and by its client, whose bits are inverted.
        "2001:0:a9fe:a9fe::5601:5601",
        "2001::a9fe:a9fe:0:0:5601:5601",
        "2001:0:808:808::5601:5601",
        "::169.254.169.254",
        "::a9fe:a9fe",
        "none at all"
      ],
      private: [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "fc00::1",
        "fd12::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:10.0.0.1",
        "64:ff9b:1::a00:1",
        "2002:c0a8:101::1",
        "2001:0:808:808::f5ff:fffe"
      ],
      public: [
        "1.1.1.1",
        "172.32.0.1",
        "172.15.0.1",
        "11.0.0.1",
        "169.253.0.1",
        "2606:4700::1111",
        "64:ff9b::101:101",
        "64:ff9b:1::101:101",
        "2002:101:101::1",
        "2001:0:808:808::fefe:fefe"
      ]
    }
    for (const [place, addresses] of Object.entries(places))
      for (const address of addresses) expect(scopeOfAddress(address), address).toBe(place)
    for (const spelling of [
      "http://2130706433/",
      "http://0x7f.1/",
      "http://017700000001/",
      "http://localhost./",
      "http://127.1/"
    ]) {
      const host = new URL(spelling).hostname.replace(/\.$/, "")
      expect(scopeOfHost(host), spelling).toBe("loopback")
    }
    expect(scopeOfHost("localhost.example.com")).toBeUndefined()
  })

  test("of a registry is plain http on this machine, or where that was asked for", () => {
    const origin = (name: string, plain = false) => endpointOf(name, plain).origin
    expect(origin("docker.io")).toBe("https://registry-1.docker.io")
    expect(origin("ghcr.io")).toBe("https://ghcr.io")
    expect(origin("localhost:5000")).toBe("http://localhost:5000")
    expect(origin("127.8.0.1")).toBe("http://127.8.0.1")
    expect(origin("[::1]:5000")).toBe("http://[::1]:5000")
    expect(origin("10.0.0.1:5000")).toBe("https://10.0.0.1:5000")
    expect(origin("localhost.example.com")).toBe("https://localhost.example.com")
    expect(origin("127.0.0.1.example.com")).toBe("https://127.0.0.1.example.com")
    expect(origin("10.0.0.1:5000", true)).toBe("http://10.0.0.1:5000")
  })
})
