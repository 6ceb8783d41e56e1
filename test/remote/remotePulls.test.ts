/** The face of `oci.pulls` on the other side, by HTTP and by a port. */
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { MessageChannel } from "node:worker_threads"
import { filter, firstValueFrom, lastValueFrom, map, toArray } from "rxjs"
import { afterEach, describe, expect, test } from "vitest"
import { overFetch, overPort, RefusedError, type RemotePulls, remotePulls } from "../../src/remote/index.ts"
import { readEvents } from "../../src/remote/overFetch.ts"
import { fetchHandler, nodeListener, servePort } from "../../src/serve/index.ts"
import { stubPulls } from "../serve/stub.ts"

const cleanups: Array<() => unknown> = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const listen = async (stub: ReturnType<typeof stubPulls>, port = 0): Promise<{ server: Server; port: number }> => {
  const handler = fetchHandler(stub.pulls, { allow: ["*"], token: "t" })
  const server = createServer(nodeListener(handler))
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve))
  cleanups.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, port: (server.address() as AddressInfo).port }
}

const carriers: Readonly<Record<string, (stub: ReturnType<typeof stubPulls>) => Promise<RemotePulls>>> = {
  HTTP: async (stub) => remotePulls(overFetch(`http://127.0.0.1:${(await listen(stub)).port}/`, { token: "t" })),
  "a MessagePort": async (stub) => {
    const { port1, port2 } = new MessageChannel()
    cleanups.push(servePort(stub.pulls, port1 as never, { allow: ["*"] }), () => port1.close())
    return remotePulls(overPort(port2 as never))
  }
}

const ids = (pulls: ReadonlyArray<{ readonly id: string; readonly state: string }>) =>
  pulls.map(({ id, state }) => `${id} ${state}`)

describe.for(Object.entries(carriers))("by %s", ([, connect]) => {
  test("the list is seen, at once and as it changes", async () => {
    const stub = stubPulls()
    const remote = await connect(stub)
    await stub.pulls.start("a")
    const lists: Array<ReadonlyArray<string>> = []
    const watching = remote.list$.pipe(map(ids)).subscribe((list) => lists.push(list))
    cleanups.push(() => watching.unsubscribe())
    await expect.poll(() => lists.at(-1)).toEqual(["a running"])
    await stub.pulls.start("b")
    stub.end("a", "done")
    await expect.poll(() => lists.at(-1)).toEqual(["a done", "b running"])
  })

  test("a pull is started, its views are seen, also by a late watcher, and end with it", async () => {
    const stub = stubPulls()
    const remote = await connect(stub)
    const { id } = await remote.start("a", { platform: "linux/arm64" })
    expect(stub.asked).toEqual([["start", "a", { platform: "linux/arm64" }]])
    const all = lastValueFrom(
      remote.view$(id).pipe(
        map(({ received }) => received),
        toArray()
      )
    )
    await expect.poll(() => stub.watchers()).toBe(1)
    stub.receive("a", 500)
    const late = await firstValueFrom(remote.view$(id).pipe(filter(({ received }) => received > 0)))
    expect(late.received).toBe(500)
    stub.receive("a", 1000)
    stub.end("a", "done")
    expect((await all).at(-1)).toBe(1000)
    expect((await remote.get(id))?.state).toBe("done")
  })

  test("cancel, resume and forget are done there; what is not known is not known here", async () => {
    const stub = stubPulls()
    const remote = await connect(stub)
    const { id } = await remote.start("a")
    await remote.cancel(id)
    expect((await remote.get(id))?.state).toBe("cancelled")
    expect((await remote.resume(id))?.state).toBe("running")
    await remote.cancel(id)
    await remote.forget(id)
    expect(await remote.get(id)).toBeUndefined()
    expect(await remote.resume(id)).toBeUndefined()
    expect(await lastValueFrom(remote.view$(id), { defaultValue: "none" })).toBe("none")
  })

  test("a refusal is an error with what to do", async () => {
    const remote = await connect(stubPulls())
    await expect(remote.start("oci:/etc")).rejects.toMatchObject({ name: "RefusedError", advice: expect.any(String) })
  })

  test("nobody is watched for who has left", async () => {
    const stub = stubPulls()
    const remote = await connect(stub)
    await stub.pulls.start("a")
    const watching = remote.list$.subscribe()
    await expect.poll(() => stub.watchers()).toBe(1)
    watching.unsubscribe()
    await expect.poll(() => stub.watchers()).toBe(0)
  })
})

describe("a connection that is lost", () => {
  test("is made again, and what happened meanwhile is seen", async () => {
    const stub = stubPulls()
    const { server, port } = await listen(stub)
    const remote = remotePulls(overFetch(`http://127.0.0.1:${port}/`, { token: "t" }))
    await stub.pulls.start("a")
    await stub.pulls.start("b")
    const lists: Array<ReadonlyArray<string>> = []
    const connected: Array<boolean> = []
    const subscriptions = [
      remote.list$.pipe(map(ids)).subscribe((list) => lists.push(list)),
      remote.connected$.subscribe((is) => connected.push(is))
    ]
    const last = lastValueFrom(remote.view$("a"))
    await expect.poll(() => lists.at(-1)).toEqual(["a running", "b running"])
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    stub.receive("a", 1000)
    stub.end("a", "done")
    await stub.pulls.start("c")
    await listen(stub, port)
    await expect.poll(() => lists.at(-1), { timeout: 10_000 }).toEqual(["a done", "b running", "c running"])
    expect((await last).received).toBe(1000)
    await expect.poll(() => connected).toEqual([false, true, false, true])
    for (const it of subscriptions) it.unsubscribe()
  })

  test("is not tried again if the server refused it", async () => {
    const stub = stubPulls()
    const { port } = await listen(stub)
    const remote = remotePulls(overFetch(`http://127.0.0.1:${port}/`, { token: "wrong" }))
    await expect(firstValueFrom(remote.list$)).rejects.toBeInstanceOf(RefusedError)
  })
})

test("a list that was on its way when a pull was started does not hide it", async () => {
  const stub = stubPulls()
  const { pulls } = stub
  const remote = remotePulls({
    call: async ({ params }) => ({ result: await pulls.start(String(params[0])) }),
    updates$: stub.list.pipe(
      filter((list) => list.length !== 1),
      map((list) => ({ type: "list", pulls: list }))
    )
  })
  const seen: Array<ReadonlyArray<string>> = []
  const watching = remote.list$.pipe(map(ids)).subscribe((list) => seen.push(list))
  await remote.start("a")
  let isOver = false
  const view = remote.view$("a").subscribe({ complete: () => (isOver = true) })
  stub.list.next([])
  expect([seen.at(-1), isOver]).toEqual([["a running"], false])
  await pulls.start("b")
  expect(seen.at(-1)).toEqual(["a running", "b running"])
  stub.list.next([])
  expect(isOver).toBe(true)
  watching.unsubscribe()
  view.unsubscribe()
})

test("events are read wherever the bytes are cut, and comments are left out", () => {
  const text = ': ping\n\nevent: list\ndata: {"a":1}\n\nevent: view\r\ndata: {"b":\r\ndata: 2}\r\n\r\ndata: {"c"'
  const { data, rest } = readEvents(text)
  expect(data.map((it) => JSON.parse(it))).toEqual([{ a: 1 }, { b: 2 }])
  expect(readEvents(`${rest}:3}\n\n`).data).toEqual(['{"c":3}'])
})
