/** Two processes pull one image into one store, one with a rule that accepts it and one with a rule that refuses it. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { signingKey } from "../../src/testing/index.ts"
import { outputOf } from "../support/outputOf.ts"
import { heldBy, layer, signal, signed, tag } from "./atOnce.ts"
import { platform } from "./support.ts"

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url))

// Processes start slowly on a machine that is busy with other tests.
vi.setConfig({ testTimeout: 120_000 })

const key = signingKey()
const stranger = signingKey()

let home: string
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "ociflow-processes-"))
  await writeFile(join(home, "key.pub"), key.publicKey)
  await writeFile(join(home, "stranger.pub"), stranger.publicKey)
})
afterAll(() => rm(home, { recursive: true }))

const pull = async (root: string, reference: string, file: string) => {
  const argv = ["pull", reference, "--platform", platform, "--verify-key", join(home, file), "--root", root, "--json"]
  const child = spawn(process.execPath, [main, ...argv], { stdio: ["ignore", "pipe", "pipe"] })
  const output = outputOf(child)
  const [code] = await once(child, "close")
  return { code, ...output }
}

/** All names in a store, but those of locks. */
const namesOf = async (root: string) => {
  const names = await readdir(root, { recursive: true })
  return names.filter((name) => !name.startsWith("locks/")).sort()
}

describe("of two processes, the one whose rule accepts has the image, and the one whose rule refuses leaves nothing", () => {
  /** What a pull leaves that is alone. */
  const alone = async (reference: string, file: string) => {
    const root = await mkdtemp(join(home, "alone-"))
    const { code } = await pull(root, reference, file)
    return { code, names: await namesOf(root) }
  }

  const check = async (
    root: string,
    reference: string,
    [accepted, refused]: ReadonlyArray<{ readonly code: unknown; readonly stderr: string }>
  ) => {
    expect(accepted).toMatchObject({ code: 0 })
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("SignatureRejected") })
    expect(await namesOf(root)).toEqual((await alone(reference, "key.pub")).names)
  }

  test("while the first is in the midst of a layer", async () => {
    await using registry = await signed(key)
    const root = join(home, "layer")
    const reference = registry.reference("app:1")
    const [asked, go] = [signal(), signal()]
    registry.fault({ kind: "blob", reference: layer, times: 1 }, heldBy(go.promise, asked.resolve))
    const accepted = pull(root, reference, "key.pub")
    await asked.promise
    const refused = await pull(root, reference, "stranger.pub")
    go.resolve()
    await check(root, reference, [await accepted, refused])
  })

  test("while the second is in the midst of its signatures", async () => {
    await using registry = await signed(key)
    const root = join(home, "signatures")
    const reference = registry.reference("app:1")
    const [asked, go] = [signal(), signal()]
    registry.fault({ kind: "manifest", reference: tag, times: 1 }, heldBy(go.promise, asked.resolve))
    const refused = pull(root, reference, "stranger.pub")
    await asked.promise
    const accepted = await pull(root, reference, "key.pub")
    go.resolve()
    await check(root, reference, [accepted, await refused])
  })

  test("and the second alone leaves no more than directories", async () => {
    await using registry = await signed(key)
    const { code, names } = await alone(registry.reference("app:1"), "stranger.pub")
    expect(code).toBe(1)
    expect(names.filter((name) => !/^[a-z]+$|^layers\/\.[a-z]+$/.test(name))).toEqual([])
  })
})
