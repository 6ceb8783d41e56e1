import { describe, expect, test } from "vitest"
import { type BearerAuth, fault, startRegistry } from "../../../src/testing/index.ts"
import { basic, get } from "../support.ts"

const start = async (auth: Omit<BearerAuth, "type">) => {
  const registry = await startRegistry({ auth: { type: "bearer", ...auth } })
  const digest = registry.addBlob("org/app", Buffer.from("secret bytes"))
  const blob = `${registry.origin}/v2/org/app/blobs/${digest}`
  const scope = "repository:org/app:pull"
  const token = async (headers: Readonly<Record<string, string>> = {}, wanted = scope) => {
    const { status, body } = await get(`${registry.origin}/token?service=${registry.host}&scope=${wanted}`, headers)
    return { status, ...(JSON.parse(body.toString()) as { token?: string; expires_in?: number }) }
  }
  const withToken = (value: string | undefined) => get(blob, { authorization: `Bearer ${value}` })
  return { registry, blob, token, withToken, [Symbol.asyncDispose]: () => registry.close() }
}

describe("Basic", () => {
  test("only the right password comes in", async () => {
    await using registry = await startRegistry({ auth: { type: "basic", users: { alice: "pa:ss" } } })
    const url = `${registry.origin}/v2/`
    const refused = await get(url)
    expect([refused.status, refused.headers["www-authenticate"]]).toEqual([401, `Basic realm="${registry.host}"`])
    expect((await get(url, basic("alice", "pa:ss"))).status).toBe(200)
    expect((await get(url, basic("alice", "pass"))).status).toBe(401)
    expect((await get(url, basic("toString", ""))).status).toBe(401)
  })
})

describe("Bearer", () => {
  test("the challenge names realm, service and scope", async () => {
    await using at = await start({})
    const { status, headers } = await get(at.blob)
    expect(status).toBe(401)
    expect(headers["www-authenticate"]).toBe(
      `Bearer realm="${at.registry.origin}/token",service="${at.registry.host}",scope="repository:org/app:pull"`
    )
  })
  test("an anonymous token opens what is public", async () => {
    await using at = await start({})
    const { token } = await at.token()
    expect((await at.withToken(token)).body.toString()).toBe("secret bytes")
    expect(at.registry.tokens?.issued).toBe(1)
  })
  test("without anonymous access the token service wants a password", async () => {
    await using at = await start({ users: { alice: "pass" } })
    expect((await at.token()).status).toBe(401)
    expect((await at.token(basic("alice", "wrong"))).status).toBe(401)
    const { token } = await at.token(basic("alice", "pass"))
    expect((await at.withToken(token)).status).toBe(200)
  })
  test("a token for one repository does not open another", async () => {
    await using at = await start({})
    const { token } = await at.token({}, "repository:org/other:pull")
    const { status, headers } = await at.withToken(token)
    expect(status).toBe(401)
    expect(headers["www-authenticate"]).toContain('error="insufficient_scope"')
  })
  test("a token is given to who may not pull, and opens nothing", async () => {
    await using at = await start({ mayPull: (user) => user === "alice" })
    const { token } = await at.token()
    expect((await at.withToken(token)).status).toBe(401)
  })
  test("a token opens nothing once its time is over", async () => {
    let now = 1_000_000
    await using at = await start({ expiresIn: 60, now: () => now })
    const { token, expires_in } = await at.token()
    expect(expires_in).toBe(60)
    now += 59_999
    expect((await at.withToken(token)).status).toBe(200)
    now += 1
    const { status, headers } = await at.withToken(token)
    expect(status).toBe(401)
    expect(headers["www-authenticate"]).toContain('error="invalid_token"')
  })
  test("a token can be good for a number of requests", async () => {
    await using at = await start({ uses: 2 })
    const { token } = await at.token()
    const statuses = [await at.withToken(token), await at.withToken(token), await at.withToken(token)]
    expect(statuses.map(({ status }) => status)).toEqual([200, 200, 401])
  })
  test("tokens can expire in the middle of a blob", async () => {
    await using at = await start({})
    const { token } = await at.token()
    at.registry.fault({ kind: "blob", times: 1 }, fault.all(fault.expireTokens(), fault.cut(6)))
    const broken = await at.withToken(token)
    expect([broken.complete, broken.body.toString()]).toEqual([false, "secret"])
    expect((await at.withToken(token)).status).toBe(401)
    expect((await at.withToken((await at.token()).token)).status).toBe(200)
  })
  test("OAuth2 takes a refresh token or a password in a POST", async () => {
    await using at = await start({ users: { alice: "pass" }, identityTokens: { refresh: "alice" } })
    const post = (fields: Record<string, string>) =>
      get(
        `${at.registry.origin}/token`,
        { "content-type": "application/x-www-form-urlencoded" },
        "POST",
        new URLSearchParams({ service: at.registry.host, scope: "repository:org/app:pull", ...fields }).toString()
      )
    const refreshed = await post({ grant_type: "refresh_token", refresh_token: "refresh" })
    expect(JSON.parse(refreshed.body.toString())).toMatchObject({ refresh_token: "refresh", expires_in: 300 })
    expect((await at.withToken(JSON.parse(refreshed.body.toString()).access_token)).status).toBe(200)
    expect((await post({ grant_type: "password", username: "alice", password: "pass" })).status).toBe(200)
    expect((await post({ grant_type: "password", username: "alice", password: "no" })).status).toBe(401)
    expect((await post({ grant_type: "refresh_token", refresh_token: "toString" })).status).toBe(401)
    expect((await post({ grant_type: "magic" })).status).toBe(400)
  })
  test("a service without OAuth2 answers a POST with 404", async () => {
    await using at = await start({ oauth2: false })
    expect((await get(`${at.registry.origin}/token`, {}, "POST", "grant_type=password")).status).toBe(404)
  })
  test("the token can be in either field", async () => {
    await using old = await start({ field: "token" })
    await using recent = await start({ field: "access_token" })
    expect(Object.keys(await old.token())).not.toContain("access_token")
    expect(Object.keys(await recent.token())).not.toContain("token")
  })
  test("the service can live on an origin of its own", async () => {
    await using at = await start({ ownOrigin: true })
    const [, realm = ""] = /realm="([^"]+)"/.exec(String((await get(at.blob)).headers["www-authenticate"])) ?? []
    expect(new URL(realm).origin).not.toBe(at.registry.origin)
    const { body } = await get(`${realm}?service=x&scope=repository:org/app:pull`)
    expect((await at.withToken(JSON.parse(body.toString()).token)).status).toBe(200)
    expect((await get(`${at.registry.origin}/token`)).status).toBe(404)
    expect(at.registry.log.count({ origin: "tokens" })).toBe(1)
  })
  test("the challenge can lie", async () => {
    await using at = await start({ challenge: () => 'Bearer realm="http://169.254.169.254/token"' })
    expect((await get(at.blob)).headers["www-authenticate"]).toBe('Bearer realm="http://169.254.169.254/token"')
  })
})
