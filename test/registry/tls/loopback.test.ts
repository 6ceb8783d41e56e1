/** This machine is presumed to speak plain HTTP, and spoken to as it turns out. */
import { writeFile } from "node:fs/promises"
import type { RequestListener } from "node:http"
import { createServer } from "node:https"
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { expect, test } from "vitest"
import type { PullerOptions } from "../../../src/api/config.ts"
import { speaksTls } from "../../../src/registry/tls/speaksTls.ts"
import { fault, randomImage, startRegistry, type TestRegistry } from "../../../src/testing/index.ts"
import { open, temporaryRoot } from "../../support/open.ts"
import { rejection } from "../../support/rejection.ts"
import { cert, key } from "../../testing/certificate.ts"
import { serve, serveTcp, until } from "../server.ts"

const image = randomImage("presumed", { layers: 1 })
const tls = { cert, key }

/** The digest, or the reason. */
const resolve = async (
  registry: TestRegistry | { reference: (name: string) => string },
  options: PullerOptions = {}
) => {
  await using oci = await open({ hostsDirs: [], ...options })
  return await oci.resolve(registry.reference("app:1")).then(
    ({ digest }) => digest,
    ({ reason }) => reason
  )
}

test("a registry on it that speaks TLS is spoken to so, by its own authority or by one for all", async () => {
  await using home = await temporaryRoot()
  const ca = join(home.root, "ca.crt")
  await writeFile(ca, cert)
  await using registry = await startRegistry({ images: { "app:1": await image }, tls })
  const { digest } = await image
  for (const host of ["*", registry.host]) expect(await resolve(registry, { hosts: { [host]: { ca } } })).toBe(digest)
  await using oci = await open({ hosts: { "*": { ca } }, hostsDirs: [] })
  await oci.pull(registry.reference("app:1"))
  const accepted = registry.accepted()
  await oci.pull(registry.reference("app:1"), { policy: "always" })
  // Once it is known, no connection is made in vain.
  expect(registry.accepted() - accepted).toBeLessThanOrEqual(1)
})

test("its certificate is checked, and the message says what is wrong and what to do", async () => {
  await using registry = await startRegistry({ images: { "app:1": await image }, tls })
  for (const options of [{}, { plainHttp: false }, { hosts: { [registry.host]: { plainHttp: false } } }]) {
    const reason = await resolve(registry, options)
    expect(reason).toMatchObject({ _tag: "RegistryUnreachable", url: expect.stringMatching(/^https:/) })
    expect(reason.message).toContain("its certificate is self-signed")
    expect(reason.advice).toContain(`hosts["${registry.host}"].ca`)
    expect(reason.advice).not.toContain("plainHttp")
  }
  const asked = await resolve(registry, { plainHttp: true })
  expect(asked).toMatchObject({ _tag: "RegistryUnreachable", url: expect.stringMatching(/^http:/) })
  expect(asked.advice).toContain("plainHttp: false")
})

test("one that is not there: no option is said to help, before or after it is asked no more", async () => {
  const host = "127.0.0.1:1"
  await using home = await temporaryRoot()
  await using oci = await open({ root: home.root, hostsDirs: [], retry: { times: 12, base: 0 } })
  for (let round = 0; round < 2; round++) {
    const { reason } = await rejection(oci.resolve(`${host}/app:1`))
    expect(reason.advice).toMatch(/^Check that the registry is running, and its port\./)
    expect(reason.advice).not.toContain("plainHttp")
  }
})

/** As Go's net/http does: TLS, and a sentence for clients that speak plain HTTP. */
const listen = async (onRequest: RequestListener) => {
  const secured = createServer(tls, onRequest)
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => undefined)
    socket.once("data", (chunk) => {
      socket.pause()
      socket.unshift(chunk)
      if (chunk[0] === 22) secured.emit("connection", socket)
      else socket.end("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    host,
    [Symbol.asyncDispose]: async () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    }
  }
}

test("one that answers plain HTTP by 400 is asked whether it speaks TLS, and then in that", async () => {
  await using home = await temporaryRoot()
  const ca = join(home.root, "ca.crt")
  await writeFile(ca, cert)
  await using go = await listen((_, response) =>
    response.writeHead(404, { "content-type": "application/json", connection: "close" }).end("{}")
  )
  const reference = (name: string) => `${go.host}/${name}`
  expect(await resolve({ reference }, { hosts: { "*": { ca } } })).toMatchObject({
    _tag: "ManifestNotFound",
    url: `https://${go.host}/v2/app/manifests/1`
  })
  expect((await resolve({ reference })).message).toContain("its certificate is self-signed")
})

test("one that answers 400 and speaks no TLS is believed, and not asked again", async () => {
  const run = Effect.gen(function* () {
    const served = yield* serve((_, response) => void response.writeHead(400).end("Client sent an HTTP request"))
    const reason = yield* Effect.promise(() => resolve({ reference: (name) => `${served.host}/${name}` }))
    expect(reason).toMatchObject({ _tag: "RegistryError", status: 400 })
    expect(served.requests).toHaveLength(1)
  })
  await Effect.runPromise(Effect.scoped(run))
})

test("one that speaks plain HTTP costs no connection more than where that was asked for", async () => {
  const connections = async (options: PullerOptions) => {
    await using registry = await startRegistry({ images: { "app:1": await image } })
    expect(await resolve(registry, options)).toBe((await image).digest)
    return registry.accepted()
  }
  expect(await connections({})).toBe(await connections({ plainHttp: true }))
})

test("one that says nothing to a handshake is not waited for", async () => {
  const run = Effect.gen(function* () {
    const mute = yield* serveTcp()
    expect(yield* speaksTls(new URL(`http://${mute.host}`), 50)).toBe(false)
    yield* until(() => mute.sockets.size === 0)
  })
  await Effect.runPromise(Effect.scoped(run))
})

test("one whose first answer breaks is tried again as it was", async () => {
  await using registry = await startRegistry({ images: { "app:1": await image } })
  registry.fault({ kind: "manifest", times: 1 }, fault.cut(0, { reset: true }))
  expect(await resolve(registry)).toBe((await image).digest)
})
