/** A registry that means harm: a typed error in bounded time, and no credential seen by the wrong host. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { expect, test } from "vitest"
import { fault, randomImage, startRegistry, type TestRegistry } from "../../src/testing/index.ts"
import { open } from "../support/open.ts"

const made = randomImage("hostile", { layers: 1 })
const start = async () =>
  startRegistry({ images: { "app:1": await made }, auth: { type: "basic", users: { me: "hunter2" } } })

/** Writes down what it is shown. */
const thief = async () => {
  const seen: Array<string> = []
  const server = createServer((request, response) => {
    seen.push(JSON.stringify(request.headers))
    response.writeHead(401, { "www-authenticate": 'Basic realm="give"' }).end()
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  return {
    seen,
    origin: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}

const failing = async (registry: TestRegistry) => {
  await using oci = await open({
    retry: { times: 0 },
    credentials: { [registry.host]: { username: "me", password: "hunter2" } }
  })
  return await oci.pull(registry.reference("app:1")).then(
    () => expect.unreachable("it was to fail"),
    (error) => {
      const text = `${JSON.stringify(error)} ${error.message} ${error.reason.message}`
      expect(text).not.toMatch(/hunter|aHVudGVy|\\u001b\[/)
      expect(text.length).toBeLessThan(5000)
      return error.reason
    }
  )
}

const redirects: ReadonlyArray<readonly [what: string, to: string]> = [
  ["a metadata address", "http://169.254.169.254/latest/meta-data/"],
  ["a metadata address as IPv6 maps it", "http://[::ffff:169.254.169.254]/"],
  ["a file", "file:///etc/passwd"],
  ["somebody's login", "http://user:password@127.0.0.1:1/"]
]
test.for(redirects)("a redirect to %s is refused", async ([, to]) => {
  for (const kind of ["manifest", "blob"] as const) {
    await using registry = await start()
    registry.fault({ kind }, fault.redirect(to))
    expect(await failing(registry)).toMatchObject({ _tag: "AddressRefused" })
  }
})

test("redirects to itself without end are ended", async () => {
  await using registry = await start()
  registry.fault({ kind: "blob" }, fault.redirectLoop())
  expect(await failing(registry)).toMatchObject({ _tag: "InvalidResponse" })
  expect(registry.log.all.length).toBeLessThan(30)
})

test("the target of a redirect gets no credentials, even if it asks for them", async () => {
  await using registry = await start()
  await using stranger = await thief()
  registry.fault({ kind: "blob" }, fault.redirect(`${stranger.origin}/x`))
  expect(await failing(registry)).toMatchObject({ _tag: "AccessDenied", authenticated: false })
  expect(stranger.seen.length).toBeGreaterThan(0)
  expect(stranger.seen.join()).not.toContain("authorization")
})

test("a realm at a metadata address is refused", async () => {
  await using registry = await startRegistry({
    images: { "app:1": await made },
    auth: {
      type: "bearer",
      users: { me: "hunter2" },
      challenge: () => 'Bearer realm="http://169.254.169.254/token",service="x"'
    }
  })
  expect(await failing(registry)).toMatchObject({ _tag: "AddressRefused" })
})

test("a manifest of 4 GB, announced or endless, is refused at its limit", async () => {
  const before = process.memoryUsage().rss
  {
    await using registry = await start()
    registry.fault({ kind: "manifest" }, fault.oversized(4 * 2 ** 30))
    expect(await failing(registry)).toMatchObject({ _tag: "LimitExceeded", limit: "documentBytes" })
  }
  {
    await using registry = await start()
    registry.fault({ kind: "manifest" }, fault.all(fault.oversized(4 * 2 ** 30), fault.chunked()))
    expect(await failing(registry)).toMatchObject({ _tag: "LimitExceeded", limit: "documentBytes" })
  }
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20)
})

test("a flood of headers is not an answer", async () => {
  await using registry = await start()
  registry.fault({ kind: "manifest" }, fault.headerFlood(100))
  expect(await failing(registry)).toMatchObject({ _tag: "RegistryUnreachable" })
})

test("terminal escapes are removed from error bodies and warnings", async () => {
  await using registry = await start()
  const escapes = "\u001b]0;owned\u0007\u001b[31mred\u202e"
  const errors = JSON.stringify({ errors: [{ code: escapes, message: escapes.repeat(1000) }] })
  registry.fault(
    { kind: "manifest" },
    fault.all(fault.status(418), fault.body(errors), fault.header("warning", '299 - "old \u0009 thing"'))
  )
  const reason = await failing(registry)
  expect(reason).toMatchObject({ _tag: "RegistryError", status: 418 })
  expect(`${reason.code}${reason.detail}`).not.toMatch(/[\u0000-\u001f\u202e]/)
})
