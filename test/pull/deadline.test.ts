/** `timeouts.total` bounds a whole pull, and a whole look, whatever it waits for. */

import type { AddressInfo } from "node:net"
import { createServer, type Socket } from "node:net"
import { lastValueFrom } from "rxjs"
import { describe, expect, test } from "vitest"
import type { Client } from "../../src/client.ts"
import { fault, randomImage, startRegistry } from "../../src/testing/index.ts"
import { open } from "../support/open.ts"

/** Takes connections, and never says a word. */
const mute = async () => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.resume().on("error", () => undefined))
    socket.on("close", () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    sockets,
    reference: `127.0.0.1:${(server.address() as AddressInfo).port}/app:1`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}

const late = { reason: { _tag: "DeadlineExceeded", millis: 300 } }

describe("a server that takes the connection and never answers", () => {
  const asks: Readonly<Record<string, (oci: Client, reference: string) => Promise<unknown>>> = {
    pull: (oci, reference) => oci.pull(reference),
    pull$: (oci, reference) => lastValueFrom(oci.pull$(reference)),
    resolve: (oci, reference) => oci.resolve(reference),
    manifest: (oci, reference) => oci.manifest(reference),
    tags: (oci, reference) => oci.tags(reference),
    tags$: (oci, reference) => lastValueFrom(oci.tags$(reference)),
    referrers: (oci, reference) => oci.referrers(reference),
    referrers$: (oci, reference) => lastValueFrom(oci.referrers$(reference))
  }
  test.for(Object.entries(asks))("is cancelled by %s, and no socket is left open", async ([, ask]) => {
    await using server = await mute()
    await using oci = await open({ timeouts: { total: 300 } })
    await expect(ask(oci, server.reference)).rejects.toMatchObject(late)
    await expect.poll(() => server.sockets.size).toBe(0)
  })
})

describe("a pull that is given up", () => {
  const made = randomImage("late", { layers: 1 })

  test("keeps the bytes of a stalled body, and the next pull continues there", async () => {
    await using registry = await startRegistry({ images: { "app:1": await made } })
    const [layer] = (await made).manifests[0]?.layers ?? []
    const unstalled = registry.fault({ reference: layer?.digest ?? "" }, fault.stall(50))
    await using first = await open({ timeouts: { total: 3000 } })
    await expect(first.pull(registry.reference("app:1"))).rejects.toMatchObject({
      reason: { _tag: "DeadlineExceeded" }
    })
    unstalled()
    await first.pull(registry.reference("app:1"))
    expect(registry.log.where({ reference: layer?.digest ?? "" }).map(({ start }) => start)).toEqual([0, 50])
  })

  test("may wait for a registry that asks for it, and is given up in the midst of that", async () => {
    await using registry = await startRegistry({ images: { "app:1": await made } })
    registry.fault({ kind: "manifest" }, fault.rateLimit(30))
    await using oci = await open({ timeouts: { total: 3000 } })
    await expect(oci.pull(registry.reference("app:1"))).rejects.toMatchObject({
      reason: { ...late.reason, millis: 3000 }
    })
    expect(registry.log.all.filter(({ kind }) => kind === "manifest")).toHaveLength(1)
  })
})

test("a pull that has enough time is not ended", async () => {
  await using registry = await startRegistry({ images: { "app:1": await randomImage("in time", { layers: 1 }) } })
  await using oci = await open({ timeouts: { total: 60_000 } })
  expect((await oci.pull(registry.reference("app:1"))).layers).toHaveLength(1)
  expect(await oci.tags(registry.reference("app"))).toEqual(["1"])
})
