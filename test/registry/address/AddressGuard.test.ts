import type { LookupAddress } from "node:dns"
import { isIPv6 } from "node:net"
import * as Effect from "effect/Effect"
import { describe, expect, test } from "vitest"
import { defaultTimeouts } from "../../../src/api/config.ts"
import { type AddressGuard, type LookupAll, makeAddressGuard } from "../../../src/registry/address/AddressGuard.ts"
import { type Endpoint, endpointOf } from "../../../src/registry/address/Endpoint.ts"
import { makeTransport } from "../../../src/registry/connection/Transport.ts"
import { it } from "../../support/effect.ts"
import { serve } from "../server.ts"

const addressed = (addresses: ReadonlyArray<string>): Array<LookupAddress> =>
  addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }))

/** A name whose owner answers each look-up as he likes; after the last answer with that one. */
const names =
  (answers: ReadonlyArray<ReadonlyArray<string>>): LookupAll =>
  (_, __, callback) => {
    const [first, ...rest] = answers
    if (rest.length > 0) answers = rest
    callback(null, addressed(first ?? []))
  }

const registry = endpointOf("registry.test:5000", false)

/** What a look-up behind the registry lets through, or `refused`. */
const letThrough = (guard: AddressGuard, endpoint: Endpoint, url: string) =>
  new Promise<ReadonlyArray<string> | string>((resolve) =>
    guard
      .policyFor(endpoint, new URL(url))
      .lookup(new URL(url).hostname, { all: true }, (error, addresses) =>
        resolve(error === null && Array.isArray(addresses) ? addresses.map(({ address }) => address) : "refused")
      )
  )

describe("where a registry lies", () => {
  test("is told by the address that answered, not by what its name resolves to", async () => {
    const guard = makeAddressGuard(names([["169.254.169.254"], ["127.0.0.1"], ["93.184.216.34"]]))
    for (const _ of [1, 2, 3]) {
      await letThrough(guard, registry, `${registry.origin}/v2/`)
      expect(guard.placeOf(registry)).toBe("public")
    }
    guard.answered(registry, "10.0.0.5")
    await letThrough(guard, registry, `${registry.origin}/v2/`)
    expect(guard.placeOf(registry)).toBe("private")
  })

  test("stays public once it was, and is public where it lies in two places", () => {
    for (const addresses of [
      ["93.184.216.34", "169.254.169.254", "10.0.0.1"],
      ["169.254.169.254", "93.184.216.34", "169.254.169.254"],
      ["127.0.0.1", "10.0.0.1", "127.0.0.1"]
    ]) {
      const guard = makeAddressGuard()
      for (const address of addresses) guard.answered(registry, address)
      expect(guard.placeOf(registry), addresses.join()).toBe("public")
    }
  })

  it.live("is not learnt from a connection that nobody answered", () =>
    Effect.gen(function* () {
      const lookup = names([["169.254.169.254"]])
      const { send, placeOf, refusal } = yield* makeTransport({
        timeouts: { ...defaultTimeouts, connect: 100, headers: 100 },
        lookup
      })
      const url = new URL(registry.origin)
      const error = yield* Effect.flip(Effect.scoped(send(registry, { method: "GET", url, headers: {} })))
      expect(error._tag).toBe("RegistryUnreachable")
      expect(placeOf(registry)).toBe("public")
      expect(refusal(registry, url, new URL("https://169.254.169.254/latest"))).toMatchObject({
        _tag: "AddressRefused"
      })
    })
  )

  it.live("is learnt from the socket whose answer it is, and kept when the name is answered anew", () =>
    Effect.gen(function* () {
      const served = yield* serve((_, response) => void response.end("here"))
      const lookup = names([["127.0.0.1"], ["169.254.169.254"]])
      const { send, placeOf } = yield* makeTransport({ timeouts: { ...defaultTimeouts, connect: 100 }, lookup })
      const endpoint = endpointOf(`registry.test:${new URL(served.origin).port}`, true)
      const asked = Effect.scoped(send(endpoint, { method: "GET", url: new URL(endpoint.origin), headers: {} }))
      expect((yield* asked).peer).toBe("127.0.0.1")
      expect(placeOf(endpoint)).toBe("loopback")
      expect((yield* Effect.flip(asked))._tag).toBe("RegistryUnreachable")
      expect(placeOf(endpoint)).toBe("loopback")
    })
  )
})

describe("what a registry points to", () => {
  const refused = (endpoint: Endpoint, to: string, home: string | undefined, from = endpoint.origin) => {
    const guard = makeAddressGuard()
    guard.answered(endpoint, home)
    const { problem, option } = guard.refusal(endpoint, new URL(from), new URL(to)) ?? {}
    return problem === undefined ? undefined : (option ?? "never")
  }
  const [far, near] = ["93.184.216.34", "10.0.0.5"]

  test("is no closer to us than the registry, and as secure", () => {
    expect(refused(registry, "https://storage.test/x", far)).toBeUndefined()
    expect(refused(registry, "https://10.0.0.1/x", far)).toBe("trustedHosts")
    expect(refused(registry, "https://10.0.0.1/x", undefined)).toBe("trustedHosts")
    expect(refused(registry, "https://10.0.0.1/x", near)).toBeUndefined()
    expect(refused(registry, "https://[64:ff9b:1::a9fe:a9fe]/x", near)).toBe("trustedHosts")
    expect(refused(registry, "https://127.0.0.1/x", near)).toBe("trustedHosts")
    expect(refused(registry, "https://169.254.169.254/x", "127.0.0.1")).toBe("trustedHosts")
    expect(refused(registry, "http://storage.test/x", far)).toBe("never")
    expect(refused(registry, "ftp://storage.test/x", far)).toBe("never")
    expect(refused(registry, "https://me@storage.test/x", far)).toBe("never")
    const plain = endpointOf("localhost:5000", false)
    expect(refused(plain, "http://storage.test/x", undefined)).toBe("plainHttp")
    expect(refused({ ...plain, plainHttp: true }, "http://storage.test/x", undefined)).toBeUndefined()
  })

  test("is its own host on another port, wherever that lies, as far as a certificate or an answer tells", async () => {
    const both = ["10.0.0.5", "2606:4700::1111"]
    const rows: ReadonlyArray<readonly [answered: string, url: string, found: ReadonlyArray<string> | string]> = [
      ["2606:4700::1111", "https://registry.test:5050/token", both],
      ["10.0.0.5", "https://registry.test:5050/token", both],
      ["2606:4700::1111", "https://registry.test./token", both],
      ["2606:4700::1111", "http://registry.test:5050/token", ["2606:4700::1111"]],
      ["10.0.0.5", "http://registry.test:5050/token", both],
      ["2606:4700::1111", "https://storage.registry.test/token", ["2606:4700::1111"]]
    ]
    for (const [answered, url, found] of rows) {
      const guard = makeAddressGuard(names([both]))
      guard.answered(registry, answered)
      expect(guard.refusal({ ...registry, plainHttp: true }, new URL("http://registry.test:5000"), new URL(url))).toBe(
        undefined
      )
      expect(await letThrough(guard, registry, url), `${answered} ${url}`).toEqual(found)
    }
  })

  test("is not this machine nor a metadata service by the registry's own name", async () => {
    for (const address of ["127.0.0.1", "169.254.169.254", "::1", "fe80::1", "64:ff9b:1::a9fe:a9fe"]) {
      const guard = makeAddressGuard(names([[address]]))
      for (const home of [far, near]) {
        guard.answered(registry, home)
        expect(await letThrough(guard, registry, "https://registry.test:5050/token"), address).toBe("refused")
      }
    }
  })

  test("is a host that the user trusts, by name, by address and by network", async () => {
    const trustedHosts = ["minio.test:9000", ".corp.test", "10.1.0.0/16", "fd00::/8", "10.9.9.9"]
    const trusting = { ...registry, trustedHosts }
    const guard = makeAddressGuard(names([["10.1.2.3"], ["10.2.2.3"], ["10.2.2.3"], ["10.1.2.3"], ["10.2.2.3"]]))
    guard.answered(registry, far)
    const found: Array<unknown> = []
    for (const url of [
      "https://storage.test/x",
      "https://storage.test/x",
      "https://minio.test:9000/x",
      "https://minio.test/x",
      "https://corp.test/x",
      "https://a.corp.test/x"
    ])
      found.push(await letThrough(guard, trusting, url))
    expect(found).toEqual([["10.1.2.3"], "refused", ["10.2.2.3"], ["10.1.2.3"], "refused", ["10.2.2.3"]])
    expect(await letThrough(guard, registry, "https://a.corp.test/x")).toBe("refused")
    const permitted = ["https://10.1.2.3/x", "https://[fd00::1]/x", "https://10.9.9.9:444/x", "https://10.2.0.1/x"]
    expect(permitted.map((url) => refused(trusting, url, far))).toEqual([
      undefined,
      undefined,
      undefined,
      "trustedHosts"
    ])
    // Trust does not make a connection encrypted.
    expect(refused(trusting, "http://minio.test:9000/x", far)).toBe("never")
  })

  test("is refused with the option that permits it", () => {
    const refusal = makeAddressGuard().refusal(
      registry,
      new URL(registry.origin),
      new URL("https://10.0.0.9:9000/blob?key=1")
    )
    expect(refusal?.message).toContain("https://10.0.0.9:9000/blob, which is refused")
    expect(refusal?.advice).toContain('add it to `hosts["registry.test:5000"].trustedHosts`')
  })
})
