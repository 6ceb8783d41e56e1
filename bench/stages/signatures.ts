import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { performance } from "node:perf_hooks"
import type { PullerOptions } from "../../src/api/config.ts"
import { open } from "../../src/client.ts"
import { image, makeAuthority, sign, signingKey, startRegistry } from "../../src/testing/index.ts"
import type { Bench } from "../Bench.ts"
import type { Figure } from "../measure/Figure.ts"

export const question = "What does it cost a pull of a small image to prove its signature, and a pull from the store?"

const platform = "linux/amd64"
const issuer = "https://accounts.r.test"
const identity = "me@r.test"

export const run = async (bench: Bench): Promise<ReadonlyArray<Figure>> => {
  const directory = await mkdtemp(join(tmpdir(), "ociflow-bench-signatures-"))
  const app = await image({ layers: [{ files: { "etc/motd": "small\n" } }] })
  await using registry = await startRegistry({
    images: { "plain:1": app, "tag:1": app, "bundle:1": app, "identity:1": app }
  })
  const key = signingKey()
  const authority = await makeAuthority()
  const trustedRoot = join(directory, "trusted_root.json")
  await writeFile(trustedRoot, authority.trustedRoot)
  for (const [repository, signature] of [
    ["tag", await sign(app, { key })],
    ["bundle", await sign(app, { key, as: "bundle" })],
    ["identity", await sign(app, { authority, issuer, identity, as: "bundle" })]
  ] as const)
    registry.add(signature.nameIn(repository), signature)
  const byKey: PullerOptions = { verify: { rules: [{ scope: "*", any: [{ key: key.publicKey }] }] } }
  const byIdentity: PullerOptions = { verify: { rules: [{ scope: "*", any: [{ issuer, identity, trustedRoot }] }] } }
  const ways = [
    ["plain", "without a rule", {}],
    ["tag", "a key, cosign's tag scheme", byKey],
    ["bundle", "a key, a bundle", byKey],
    ["identity", "an identity, a bundle", byIdentity]
  ] as const

  let roots = 0
  const figures: Array<Figure> = []
  for (const [repository, what, options] of ways) {
    const reference = registry.reference(`${repository}:1`)
    const stored = join(directory, `stored-${repository}`)
    await using kept = await open({ ...options, root: stored, credentials: {} })
    figures.push(
      await bench.repeat(`pull, ${what}`, "ms", 20, async () => {
        await using oci = await open({ ...options, root: join(directory, `${++roots}`), credentials: {} })
        const start = performance.now()
        await oci.pull(reference, { platform })
        return performance.now() - start
      }),
      await bench.repeat(`from the store, ${what}`, "ms", 20, async () => {
        const start = performance.now()
        await kept.pull(reference, { platform })
        return performance.now() - start
      })
    )
  }
  await rm(directory, { recursive: true })
  return figures
}
