/** The scanner of docs/stages.md, with a consumer that takes its time, and one that leaves. */
import { readdir, readlink } from "node:fs/promises"
import type { Subscription } from "rxjs"
import { expect, test } from "vitest"
import { concatPull, decompress, untar } from "../../src/stages/index.ts"
import { bigLayer, image, Prng, startRegistry } from "../../src/testing/index.ts"
import { open, type TestClient } from "../support/open.ts"
import { buffered, sentBy } from "../support/sentBy.ts"

const secret = /AKIA[0-9A-Z]{16}/g
const mebibytes = 64
/** A secret in each MiB; the rest does not deflate. */
const chunk = Buffer.concat([Buffer.from("\nAKIAABCDEFGHIJKLMNOP\n"), new Prng(3).bytes(2 ** 20 - 22)])
const layer = await bigLayer({ size: mebibytes * 2 ** 20, chunk })
const made = await image({ layers: [layer] })
const digest = made.manifests[0]?.layers[0]?.digest ?? ""

/** Calls `found` for each secret; the next chunk of the blob is asked for when all that it gave is fulfilled. */
const scan = (
  oci: TestClient,
  reference: string,
  found: () => Promise<void>
): { done: Promise<void>; subscription: Subscription } => {
  let pending = Promise.resolve()
  let tail = ""
  const bytes$ = concatPull(oci.blob(reference, digest), async (bytes) => {
    await pending
    return bytes
  })
  let subscription: Subscription | undefined
  const done = new Promise<void>((resolve, reject) => {
    subscription = bytes$.pipe(decompress(), untar()).subscribe({
      next: (part) => {
        const body = part._tag === "Data" ? part.chunk : part._tag === "Entry" ? part.body : undefined
        const text = tail + Buffer.from(body ?? []).toString("latin1")
        const matches = [...text.matchAll(secret)]
        for (const _ of matches) pending = pending.then(found)
        const last = matches.at(-1)
        const end = last === undefined ? 0 : last.index + last[0].length
        tail = text.slice(Math.max(end, text.length - 64))
      },
      error: reject,
      complete: () => resolve(pending)
    })
  })
  done.catch(() => {})
  if (subscription === undefined) throw new Error("not subscribed")
  return { done, subscription }
}

test("a slow one holds the connection back, and finds all there is", async () => {
  await using registry = await startRegistry({ images: { "app:1": made } })
  await using oci = await open()
  let count = 0
  let go = () => {}
  const paused = new Promise<void>((resolve) => {
    go = resolve
  })
  const scanning = scan(oci, registry.reference("app:1"), async () => {
    if (++count === 3) await paused
  })
  await expect.poll(() => count, { timeout: 20_000 }).toBe(3)
  expect(await sentBy(registry)).toBeLessThan(buffered + 3 * 2 ** 20)
  expect(count).toBe(3)
  go()
  await scanning.done
  expect(count).toBe(mebibytes)
})

/** Sockets, timers, threads and files of this process. */
const held = async (root: string): Promise<ReadonlyArray<string>> => {
  const descriptors = process.platform === "linux" ? await readdir("/proc/self/fd") : []
  const files = await Promise.all(descriptors.map((it) => readlink(`/proc/self/fd/${it}`).catch(() => "")))
  return [
    ...process.getActiveResourcesInfo().filter((it) => /TCP|Worker|MessagePort|FS/.test(it)),
    ...files.filter((it) => it.startsWith(root)),
    ...(await readdir(root, { recursive: true }))
  ].sort()
}

test("one that leaves in the middle leaves nothing: no request, no socket, no thread, no file", async () => {
  await using registry = await startRegistry({ images: { "app:1": made } })
  await using oci = await open()
  const reference = registry.reference("app:1")
  await oci.settled()
  const before = await held(oci.root)
  let count = 0
  const { subscription } = scan(oci, reference, () => {
    count += 1
    return count === 3 ? new Promise(() => {}) : Promise.resolve()
  })
  await expect.poll(() => count, { timeout: 20_000 }).toBe(3)
  expect(registry.log.where({ kind: "blob", state: "open" })).toHaveLength(1)
  subscription.unsubscribe()
  await oci.settled()
  await expect.poll(() => registry.log.where({ kind: "blob", state: "open" }).length).toBe(0)
  expect(await sentBy(registry)).toBeLessThan(layer.blob.size)
  await expect.poll(() => held(oci.root)).toEqual(before)
  expect(count).toBe(3)
})
