/** The built command, whose one file holds Sigstore's packages: a signature of each form, by a key and by an identity. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { type Authority, makeAuthority, sign, signingKey, startRegistry } from "../../src/testing/index.ts"
import { outputOf } from "../support/outputOf.ts"
import { index, put } from "./support.ts"

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url))

// Processes start slowly on a machine that is busy with other tests.
vi.setConfig({ testTimeout: 60_000 })

const key = signingKey()
const stranger = signingKey()
const issuer = "https://token.actions.githubusercontent.com"
const identity = "https://github.com/org/app/.github/workflows/release.yml@refs/tags/v1"

let home: string
let authority: Authority
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "ociflow-command-"))
  authority = await makeAuthority()
  await writeFile(join(home, "root.json"), authority.trustedRoot)
  await writeFile(join(home, "key.pub"), key.publicKey)
  await writeFile(join(home, "stranger.pub"), stranger.publicKey)
})
afterAll(() => rm(home, { recursive: true }))

const run = async (...argv: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, [main, "verify-signature", ...argv, "--root", join(home, "store")], {
    stdio: ["ignore", "pipe", "pipe"]
  })
  const output = outputOf(child)
  const [code] = await once(child, "close")
  return { code, ...output }
}

const byKey = (file: string) => ["--key", join(home, file)]
const byIdentity = (name: string) => [
  ...["--identity", name, "--issuer", issuer],
  ...["--trusted-root", join(home, "root.json")]
]

describe.each(["tag", "bundle", "message"] as const)("a signature as %s", (as) => {
  test("by a key is proven, and not by another", async () => {
    await using registry = await startRegistry({ images: { "app:1": index } })
    put(registry, "app", await sign(index, { key, as }))
    const reference = registry.reference("app:1")
    const [right, wrong] = await Promise.all([
      run(reference, ...byKey("key.pub"), "--json"),
      run(reference, ...byKey("stranger.pub"))
    ])
    expect(right).toMatchObject({ code: 0, stderr: "" })
    expect(right.stdout).toContain(index.digest)
    expect(wrong).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("SignatureRejected") })
  })

  test("by an identity is proven, and not by another", async () => {
    await using registry = await startRegistry({ images: { "app:1": index } })
    put(registry, "app", await sign(index, { authority, issuer, identity, as }))
    const reference = registry.reference("app:1")
    const [right, wrong] = await Promise.all([
      run(reference, ...byIdentity(identity), "--json"),
      run(reference, ...byIdentity("https://github.com/org/other"))
    ])
    expect(right).toMatchObject({ code: 0, stderr: "" })
    expect(right.stdout).toContain(identity)
    expect(wrong).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("IdentityMismatch") })
  })
})
