/** Signatures that break off, wherever that is: none of them is one. */
import * as Effect from "effect/Effect"
import { expect, test } from "vitest"
import { judge } from "../../src/signatures/check/judge.ts"
import { makeAuthority, type SignOptions, sign, signingKey } from "../../src/testing/index.ts"
import { bundleIn, single } from "./support.ts"

const key = signingKey()
const authority = await makeAuthority()
const [issuer, identity] = ["https://accounts.r.test", "me@r.test"]
const file = (content: string) => ({ name: "fixture", content })
const byKey = { _tag: "Keys", keys: [file(key.publicKey)] } as const
const byIdentity = {
  _tag: "Identity",
  root: { _tag: "File", file: file(authority.trustedRoot) },
  issuer,
  identity
} as const
const bytes = single.documents.get(single.digest)?.bytes ?? new Uint8Array()
const document = { digest: single.digest, bytes: Effect.succeed(bytes) }

test.each<[string, SignOptions, typeof byKey | typeof byIdentity]>([
  ["a statement by a key", { key, as: "bundle" }, byKey],
  ["a message by a key", { key, as: "message" }, byKey],
  ["a statement by an identity", { authority, issuer, identity, as: "bundle" }, byIdentity],
  ["a message by an identity", { authority, issuer, identity, as: "message" }, byIdentity]
])("a bundle that breaks off is rejected: %s", async (_, options, requirement) => {
  const text = JSON.stringify(await bundleIn(await sign(single, options)))
  const outcomeOf = (text: string) =>
    Effect.runPromise(
      judge({ _tag: "Bundle", name: "a bundle", text }, requirement, document, {
        registry: "r.test",
        repository: "app"
      })
    )
  expect(await outcomeOf(text)).toMatchObject({ _tag: "Verified" })
  for (let end = 0; end < text.length; end += 41)
    expect(await outcomeOf(text.slice(0, end)), `${end}`).toMatchObject({ _tag: "Rejected" })
  expect(await outcomeOf(text.slice(0, -1))).toMatchObject({ _tag: "Rejected" })
})
