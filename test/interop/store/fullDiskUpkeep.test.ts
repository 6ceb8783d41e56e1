/** A disk without a byte left: what frees space works on it, and what cannot write says that the disk is full. */
import { execFileSync } from "node:child_process"
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { afterEach, beforeEach, expect, test } from "vitest"
import { open } from "../../../src/index.ts"
import { removeLogin, saveLogin } from "../../../src/registry/auth/saveLogin.ts"
import { lockBriefly } from "../../../src/store/locks/Lock.ts"
import { image, Prng, startRegistry } from "../../../src/testing/index.ts"
import { reasonOf } from "../../support/rejection.ts"

let home: string
let disk: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "ociflow-full-"))
  disk = join(home, "disk")
  mkdirSync(disk)
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", disk])
})
afterEach(() => {
  execFileSync("umount", [disk])
  rmSync(home, { recursive: true, force: true })
})

const fill = () => {
  const file = openSync(join(disk, "fill"), "w")
  try {
    for (const block of [Buffer.alloc(65_536), Buffer.alloc(1)]) {
      try {
        for (;;) writeSync(file, block)
      } catch (error) {
        expect(error).toMatchObject({ code: "ENOSPC" })
      }
    }
  } finally {
    closeSync(file)
  }
}

const full = expect.objectContaining({ _tag: "FileSystemFailed", code: "ENOSPC" })

test.each([0, 1])("prune frees the partial downloads of a store with %i images", async (count) => {
  const layers = (bytes: number) => [{ files: { f: new Prng("full").bytes(bytes) } }]
  await using registry = await startRegistry({
    images: { "small:1": await image({ layers: layers(1000) }), "large:1": await image({ layers: layers(16e6) }) }
  })
  const client = await open({ root: join(disk, "store"), credentials: {} })
  try {
    if (count > 0) await client.pull(registry.reference("small:1"))
    expect(await reasonOf(client.pull(registry.reference("large:1")))).toEqual(full)
    fill()
    expect((await client.prune()).partials).toHaveLength(1)
    expect(readdirSync(join(disk, "store", "partial"))).toEqual([])
    expect(await client.images()).toHaveLength(count)
  } finally {
    await client.close()
  }
})

test.each(["saveLogin", "removeLogin"] as const)(
  "%s says that the disk is full, and leaves the file as it is",
  async (which) => {
    const here = Effect.provideService(
      ConfigProvider.ConfigProvider,
      ConfigProvider.fromUnknown({ DOCKER_CONFIG: join(disk, "docker") })
    )
    const exclude = (path: string) => lockBriefly(`${path}.lock`)
    const login = { username: "u", password: Redacted.make("p") }
    const save = (host: string) => Effect.runPromise(saveLogin(host, login, exclude).pipe(here))
    await save("example.org")
    fill()
    const failure: Effect.Effect<unknown, unknown> =
      which === "saveLogin" ? saveLogin("other.org", login, exclude) : removeLogin("example.org", exclude)
    expect(await Effect.runPromise(Effect.flip(failure).pipe(here))).toEqual(full)
    expect(readdirSync(join(disk, "docker"))).toEqual(["config.json"])
    rmSync(join(disk, "fill"))
    await save("other.org")
  }
)
