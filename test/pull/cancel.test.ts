/** A pull that is cancelled leaves nothing: whatever it was doing, and however it was told. */
import { readdir, readlink } from "node:fs/promises"
import { join } from "node:path"
import { type Subscription, take } from "rxjs"
import { expect, test } from "vitest"
import type { PullEvent } from "../../src/api/events.ts"
import {
  bigLayer,
  type FaultMatch,
  fault,
  image,
  type RegistryOptions,
  startRegistry
} from "../../src/testing/index.ts"
import { open, type TestClient } from "../support/open.ts"

/** What this process holds open: sockets, files, timers, workers, as the kernel and Node count them. */
const held = async (): Promise<ReadonlyArray<string>> => {
  const fds = process.platform === "linux" ? await readdir("/proc/self/fd") : []
  const targets = await Promise.all(fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")))
  return [
    ...process.getActiveResourcesInfo().filter((it) => /Timeout|TCP|Worker|MessagePort|FS/.test(it)),
    ...targets.filter((it) => it.includes("ociflow-test-"))
  ]
}

/** What is held now and was not held before. */
const remains = async (before: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const rest = [...before]
  return (await held()).filter((it) => {
    const at = rest.indexOf(it)
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
}

const staged = async (client: TestClient) =>
  (await readdir(join(client.root, "layers", ".staging"), { recursive: true }).catch(() => [])).filter(
    (name) => !name.endsWith(".lock") && name.includes("/")
  )

interface Stage {
  readonly stall?: { readonly on: FaultMatch; readonly after: number }
  readonly until?: PullEvent["_tag"]
  readonly auth?: RegistryOptions["auth"]
  readonly status?: number
}

const stages: Readonly<Record<string, Stage>> = {
  "before the first request": { until: "Resolving" },
  "while a token is asked for": { stall: { on: { kind: "token" }, after: -1 }, auth: { type: "bearer" } },
  "while the manifest is awaited": { stall: { on: { kind: "manifest" }, after: -1 } },
  "in the middle of the manifest": { stall: { on: { kind: "manifest" }, after: 10 } },
  "in the middle of the config": { stall: { on: { kind: "blob" }, after: 10 } },
  "between config and layers": { until: "Resolved" },
  "while a retry waits": { status: 503, until: "Retrying" },
  "as a layer begins": { until: "LayerStarted" },
  "while a layer is awaited": { stall: { on: { kind: "blob", nth: 2 }, after: -1 } },
  "in the middle of a layer's body": { stall: { on: { kind: "blob", nth: 2 }, after: 5000 } },
  "in the middle of an extraction": { until: "LayerProgress" },
  "as a layer is done": { until: "LayerDone" }
}

const made = await image({ layers: [{ files: { "a.txt": "a" } }, await bigLayer({ size: 200_000_000 })] })

const setUp = async ({ stall, status, auth }: Stage) => {
  const registry = await startRegistry({ images: { "app:1": made }, ...(auth === undefined ? {} : { auth }) })
  if (stall !== undefined) registry.fault(stall.on, fault.stall(stall.after))
  if (status !== undefined) registry.fault({}, fault.status(status))
  const client = await open(status === undefined ? {} : { retry: { base: 60_000, cap: 60_000 } })
  return { registry, client, reference: registry.reference("app:1") }
}

const reached = (registry: Awaited<ReturnType<typeof startRegistry>>, { stall }: Stage) =>
  stall === undefined
    ? undefined
    : registry.log.until((log) =>
        log.all.some(
          ({ kind, state, sent }) => kind === stall.on.kind && state === "open" && sent >= Math.max(0, stall.after)
        )
      )

for (const [name, stage] of Object.entries(stages)) {
  test(`cancelled ${name}, a promise rejects with the signal's reason and leaves nothing open`, async () => {
    const before = await held()
    {
      const { registry, client, reference } = await setUp(stage)
      const controller = new AbortController()
      const reason = new Error("enough")
      const onEvent = ({ _tag }: PullEvent) => _tag === stage.until && controller.abort(reason)
      void reached(registry, stage)?.then(() => controller.abort(reason))
      await expect(client.pull(reference, { signal: controller.signal, onEvent })).rejects.toBe(reason)
      expect(await staged(client)).toEqual([])
      expect(await client.images()).toEqual([])
      await registry.log.settled()
      await client[Symbol.asyncDispose]()
      await registry.close()
    }
    await expect.poll(() => remains(before)).toEqual([])
  })

  test(`unsubscribed ${name}, nothing remains`, async () => {
    const before = await held()
    {
      const { registry, client, reference } = await setUp(stage)
      const subscription: Subscription = client.pull$(reference).subscribe(({ _tag }) => {
        if (_tag === stage.until) subscription.unsubscribe()
      })
      void reached(registry, stage)?.then(() => subscription.unsubscribe())
      await new Promise<void>((resolve) => subscription.add(resolve))
      await client.close()
      expect(await staged(client)).toEqual([])
      await registry.log.settled()
      await client[Symbol.asyncDispose]()
      await registry.close()
    }
    await expect.poll(() => remains(before)).toEqual([])
  })
}

test("after a cancelled pull the same client pulls the image", async () => {
  const { registry, client, reference } = await setUp({})
  const controller = new AbortController()
  const onEvent = ({ _tag }: PullEvent) => _tag === "LayerProgress" && controller.abort()
  await expect(client.pull(reference, { signal: controller.signal, onEvent })).rejects.toThrow()
  expect((await client.pull(reference)).layers).toHaveLength(2)
  await client[Symbol.asyncDispose]()
  await registry.close()
})

test("a signal that is already aborted rejects at once, without a request", async () => {
  const { registry, client, reference } = await setUp({})
  await expect(client.pull(reference, { signal: AbortSignal.abort(new Error("early")) })).rejects.toThrow("early")
  expect(registry.log.all).toEqual([])
  await client[Symbol.asyncDispose]()
  await registry.close()
})

test("closing the client ends what is under way with an AbortError", async () => {
  const { registry, client, reference } = await setUp({ stall: { on: { kind: "manifest" }, after: -1 } })
  const pulling = client.pull(reference)
  await reached(registry, { stall: { on: { kind: "manifest" }, after: -1 } })
  await Promise.all([expect(pulling).rejects.toMatchObject({ name: "AbortError" }), client.close()])
  await client[Symbol.asyncDispose]()
  await registry.close()
})

test("taking what was wanted from entries$ stops the download there", async () => {
  const { registry, client, reference } = await setUp({})
  await new Promise<void>((resolve, reject) => {
    client.entries$(reference).pipe(take(1)).subscribe({ error: reject, complete: resolve })
  })
  await client.close()
  await registry.log.settled()
  expect(registry.log.where({ kind: "blob" }).reduce((sum, { sent }) => sum + sent, 0)).toBeLessThan(100_000)
  await client[Symbol.asyncDispose]()
  await registry.close()
})
