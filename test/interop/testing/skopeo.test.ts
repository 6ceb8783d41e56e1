/** skopeo takes the test registry for a registry. */
import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import {
  digestOf,
  image,
  imageIndex,
  type RegistryOptions,
  randomImage,
  startRegistry,
  type TestImage
} from "../../../src/testing/index.ts"

const run = promisify(execFile)

let home: string
let made: TestImage
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "ociflow-skopeo-"))
  made = await randomImage("skopeo", { layers: 3, platform: "linux/amd64" })
})
afterAll(() => rm(home, { recursive: true }))

/** What skopeo copied, by its digest; every blob is looked at. */
const copy = async (image: TestImage, options: RegistryOptions = {}, more: ReadonlyArray<string> = []) => {
  await using registry = await startRegistry({ ...options, images: { "org/app:1": image } })
  const directory = await mkdtemp(join(home, "copy-"))
  const source = `docker://${registry.reference("org/app:1")}`
  const platform = ["--override-os", "linux", "--override-arch", "amd64"]
  await run("skopeo", [
    "--insecure-policy",
    ...platform,
    "copy",
    "--src-tls-verify=false",
    ...more,
    source,
    `dir:${directory}`
  ])
  const manifest = await readFile(join(directory, "manifest.json"))
  const { layers } = JSON.parse(manifest.toString()) as { layers: ReadonlyArray<{ digest: string }> }
  for (const { digest } of layers)
    expect(digestOf(await readFile(join(directory, digest.replace("sha256:", ""))))).toBe(digest)
  return { digest: digestOf(manifest), log: registry.log, saw: registry.storage?.sawAuthorization }
}

describe("skopeo copies", () => {
  test("from an open registry", async () => {
    expect((await copy(made)).digest).toBe(made.digest)
  })
  test("an image of Docker's types, and one of a platform among several", async () => {
    const docker = await image({ format: "docker" })
    expect((await copy(docker)).digest).toBe(docker.digest)
    const index = imageIndex([await image({ platform: "linux/arm64" }), await image()], { attestations: true })
    expect((await copy(index)).digest).toBe(index.manifests[1]?.digest)
  })
  test("with Basic credentials", async () => {
    const { digest } = await copy(made, { auth: { type: "basic", users: { alice: "pass" } } }, [
      "--src-creds",
      "alice:pass"
    ])
    expect(digest).toBe(made.digest)
  })
  test("with a token, and without it from the storage", async () => {
    const { digest, log, saw } = await copy(
      made,
      { auth: { type: "bearer", users: { alice: "pass" } }, storage: { strict: true } },
      ["--src-creds", "alice:pass"]
    )
    expect(digest).toBe(made.digest)
    expect(log.count({ kind: "token", status: 200 })).toBeGreaterThan(0)
    expect(log.count({ origin: "storage", status: 200 })).toBe(made.blobs.size)
    expect(saw).toBe(false)
  })
  test("not with a wrong password", async () => {
    const auth = { type: "bearer", users: { alice: "pass" } } as const
    await expect(copy(made, { auth }, ["--src-creds", "alice:wrong"])).rejects.toThrow("username or password")
  })
  test("tags, page after page", async () => {
    await using registry = await startRegistry({ pageSize: 2 })
    for (const tag of ["a", "b", "c", "d", "e"]) registry.add(`org/app:${tag}`, made)
    const { stdout } = await run("skopeo", [
      "list-tags",
      "--tls-verify=false",
      `docker://${registry.reference("org/app")}`
    ])
    expect(JSON.parse(stdout).Tags).toEqual(["a", "b", "c", "d", "e"])
  })
})
