/** With a trusted root in a file, nothing but the registry is asked, and no other name is looked up. */
import dns from "node:dns"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { syncBuiltinESMExports } from "node:module"
import { isIP } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { makeAuthority, sign, startRegistry } from "../../src/testing/index.ts"
import { open } from "../support/open.ts"
import { anyOf, platform, put, single } from "./support.ts"

const identity = "me@r.test"
const issuer = "https://accounts.r.test"

const { lookup } = dns
const lookedUp: Array<unknown> = []
beforeAll(() => {
  // Whoever asks for a name is told that there is no network; an address is not a name.
  const refuse = (name: string, ...rest: ReadonlyArray<unknown>) => {
    if (isIP(name) !== 0) return Reflect.apply(lookup, dns, [name, ...rest])
    lookedUp.push(name)
    const done = rest.at(-1) as (error: Error) => void
    done(Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: "ENOTFOUND" }))
  }
  dns.lookup = refuse as typeof lookup
  syncBuiltinESMExports()
})
afterAll(() => {
  dns.lookup = lookup
  syncBuiltinESMExports()
})

test.each(["tag", "bundle", "message"] as const)("an identity is proven without a network: %s", async (as) => {
  const directory = await mkdtemp(join(tmpdir(), "ociflow-offline-"))
  const authority = await makeAuthority()
  const trustedRoot = join(directory, "trusted_root.json")
  await writeFile(trustedRoot, authority.trustedRoot)
  await using registry = await startRegistry({ images: { "app:1": single } })
  put(registry, "app", await sign(single, { authority, identity, issuer, as }))
  await using oci = await open({ verify: anyOf(registry, { issuer, identity, trustedRoot }) })
  expect((await oci.pull(registry.reference("app:1"), { platform })).verified).toMatchObject([{ signer: identity }])
  expect(lookedUp).toEqual([])
  await rm(directory, { recursive: true })
})

test("a registry by its name would have been noticed", async () => {
  await using oci = await open({ retry: { times: 0 } })
  await expect(oci.pull("registry.r.test/app:1", { platform })).rejects.toThrow()
  expect(lookedUp).toContain("registry.r.test")
})
