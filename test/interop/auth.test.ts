/** Debian's docker-registry with a lock on its door: htpasswd, and tokens that this test signs. */
import { execFileSync, spawnSync } from "node:child_process"
import { createSign, generateKeyPairSync, randomUUID, X509Certificate } from "node:crypto"
import { chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { connect, createServer as createTcpServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { open } from "../support/open.ts"
import { reasonOf } from "../support/rejection.ts"
import { makeImages, pushImages, startDockerRegistry } from "./support/dockerRegistry.ts"

let directory: string
let storage: string
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "ociflow-auth-"))
  storage = join(directory, "storage")
  makeImages("small")
  await using plain = await startDockerRegistry({ storage })
  pushImages(plain.port, "small")
}, 300_000)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test("htpasswd: the right password pulls, none and a wrong one are AccessDenied", async () => {
  const htpasswd = join(directory, "htpasswd")
  writeFileSync(htpasswd, execFileSync("htpasswd", ["-Bbn", "me", "correct horse"]))
  await using registry = await startDockerRegistry({
    storage,
    config: { auth: { htpasswd: { realm: "here", path: htpasswd } } }
  })
  const reference = `${registry.host}/small:latest`
  const as = (password: string) => open({ credentials: { [registry.host]: { username: "me", password } } })
  {
    await using oci = await as("correct horse")
    expect((await oci.pull(reference)).layers).toHaveLength(1)
  }
  {
    await using oci = await as("battery staple")
    const reason = await reasonOf(oci.pull(reference))
    expect(reason).toMatchObject({ _tag: "AccessDenied", status: 401, authenticated: true })
    expect(JSON.stringify(reason) + reason.message).not.toContain("battery")
  }
  {
    await using oci = await open()
    expect(await reasonOf(oci.pull(reference))).toMatchObject({ _tag: "AccessDenied", authenticated: false })
  }
})

const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")

/** A token service as docker-registry trusts it: RS256, with the certificate in the header. */
const tokenService = async (certificate: string, key: string, lifetime: number) => {
  const requests: Array<string> = []
  const server = createServer((request, response) => {
    requests.push(request.url ?? "")
    const url = new URL(request.url ?? "", "http://token")
    const login = Buffer.from((request.headers.authorization ?? "").replace(/^Basic /, ""), "base64").toString()
    if (login !== "me:secret") {
      response.writeHead(401).end(JSON.stringify({ errors: [{ code: "UNAUTHORIZED", message: "who?" }] }))
      return
    }
    const now = Math.floor(Date.now() / 1000)
    const access = url.searchParams.getAll("scope").map((scope) => {
      const [type = "", name = "", actions = ""] = scope.split(":")
      return { type, name, actions: actions.split(",") }
    })
    const der = new X509Certificate(certificate).raw.toString("base64")
    const head = base64url({ typ: "JWT", alg: "RS256", x5c: [der] })
    const claims = base64url({
      iss: "test",
      sub: "me",
      aud: url.searchParams.get("service"),
      exp: now + lifetime,
      nbf: now - 5,
      iat: now,
      jti: randomUUID(),
      access
    })
    const signature = createSign("RSA-SHA256").update(`${head}.${claims}`).sign(key).toString("base64url")
    response.setHeader("content-type", "application/json")
    response.end(
      JSON.stringify({
        token: `${head}.${claims}.${signature}`,
        expires_in: lifetime,
        issued_at: new Date(now * 1000).toISOString()
      })
    )
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  return {
    realm: `http://127.0.0.1:${port}/token`,
    requests,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    }
  }
}

const sizeOfLayer = async (host: string, realm: string): Promise<number> => {
  const authorization = `Basic ${Buffer.from("me:secret").toString("base64")}`
  const query = "service=registry.test&scope=repository:small:pull"
  const { token } = (await (await fetch(`${realm}?${query}`, { headers: { authorization } })).json()) as {
    token: string
  }
  const accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
  const headers = { authorization: `Bearer ${token}`, accept }
  const answer = await fetch(`http://${host}/v2/small/manifests/latest`, { headers })
  const { layers } = (await answer.json()) as { layers: ReadonlyArray<{ size: number }> }
  return layers[0]?.size ?? 0
}

/** A way to a registry that carries so many bytes for each connection, and not one more: the body breaks there. */
const thin = async (port: number, bytes: number) => {
  const sockets = new Set<Socket>()
  const server = createTcpServer((near) => {
    const far = connect(port, "127.0.0.1")
    sockets.add(near)
    let left = bytes
    near.on("data", (chunk) => far.write(chunk))
    far.on("data", (chunk: Buffer) => {
      near.write(chunk.subarray(0, left))
      left -= chunk.length
      if (left > 0) return
      // Slow enough that the token's life is over when the rest is asked for.
      far.destroy()
      setTimeout(() => near.destroy(), 2500)
    })
    far.on("error", () => near.destroy()).on("close", () => left > 0 && near.end())
    near.on("error", () => far.destroy()).on("close", () => far.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  return {
    host: `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}

test("token auth: a layer whose pull outlives the tokens goes on with new ones", async () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
  const key = privateKey.export({ type: "pkcs1", format: "pem" }).toString()
  writeFileSync(join(directory, "short.pem"), key)
  const bundle = join(directory, "short-root.pem")
  execFileSync(
    "openssl",
    ["req", "-x509", "-new", "-key", join(directory, "short.pem"), "-subj", "/CN=test", "-days", "1", "-out", bundle],
    { stdio: "pipe" }
  )
  await using tokens = await tokenService(readFileSync(bundle, "utf8"), key, 2)
  const token = { realm: tokens.realm, service: "registry.test", issuer: "test", rootcertbundle: bundle }
  await using registry = await startDockerRegistry({ storage, config: { auth: { token } } })
  const size = await sizeOfLayer(registry.host, tokens.realm)
  await using way = await thin(registry.port, Math.max(20_000, Math.ceil(size / 3)))
  await using oci = await open({ credentials: { [way.host]: { username: "me", password: "secret" } } })
  expect((await oci.pull(`${way.host}/small:latest`)).layers).toHaveLength(1)
  expect(tokens.requests.length).toBeGreaterThanOrEqual(3)
})

test("token auth: one signed token serves the whole pull, wrong credentials are AccessDenied", async () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
  const key = privateKey.export({ type: "pkcs1", format: "pem" }).toString()
  writeFileSync(join(directory, "key.pem"), key)
  const bundle = join(directory, "root.pem")
  execFileSync(
    "openssl",
    ["req", "-x509", "-new", "-key", join(directory, "key.pem"), "-subj", "/CN=test", "-days", "1", "-out", bundle],
    { stdio: "pipe" }
  )
  await using tokens = await tokenService(readFileSync(bundle, "utf8"), key, 300)
  await using registry = await startDockerRegistry({
    storage,
    config: {
      auth: { token: { realm: tokens.realm, service: "registry.test", issuer: "test", rootcertbundle: bundle } }
    }
  })
  const reference = `${registry.host}/small:latest`
  {
    await using oci = await open({ credentials: { [registry.host]: { username: "me", password: "secret" } } })
    expect((await oci.pull(reference)).layers).toHaveLength(1)
    expect(tokens.requests).toHaveLength(1)
    expect(tokens.requests[0]).toContain("scope=repository%3Asmall%3Apull")
  }
  {
    await using oci = await open({ credentials: { [registry.host]: { username: "me", password: "wrong" } } })
    const reason = await reasonOf(oci.pull(reference))
    expect(reason).toMatchObject({ _tag: "AccessDenied", authenticated: true })
    expect(JSON.stringify(reason) + reason.message).not.toContain("wrong")
  }
})

/** The command as another user would run it; `dist` is there, since the interop suite builds it. */
const ociflow = (argv: ReadonlyArray<string>, env: Readonly<Record<string, string>>, uid?: number) => {
  const main = join(import.meta.dirname, "../../dist/cli/main.js")
  const { PATH = "" } = process.env
  const identity = uid === undefined ? {} : { uid, gid: uid }
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...argv], {
    env: { PATH, ...env },
    encoding: "utf8",
    cwd: "/",
    ...identity
  })
  return { status, stdout, stderr }
}

test.runIf(process.platform === "linux")(
  "podman's login without a runtime directory is found where podman keeps it",
  async () => {
    const htpasswd = join(directory, "htpasswd-podman")
    writeFileSync(htpasswd, execFileSync("htpasswd", ["-Bbn", "me", "correct horse"]))
    await using registry = await startDockerRegistry({
      storage,
      config: { auth: { htpasswd: { realm: "here", path: htpasswd } } }
    })
    const env = { PATH: process.env["PATH"] ?? "", HOME: directory }
    const login = ["login", "--tls-verify=false", "-u", "me", "--password-stdin", registry.host]
    execFileSync("podman", login, { env, input: "correct horse" })
    const root = join(directory, "podman-root")
    try {
      const found = ociflow(["pull", "--root", root, `${registry.host}/small:latest`], { HOME: directory })
      expect(found, found.stderr).toMatchObject({ status: 0 })
    } finally {
      execFileSync("podman", ["logout", registry.host], { env })
    }
    const gone = ociflow(["pull", "--policy", "always", "--root", root, `${registry.host}/small:latest`], {
      HOME: directory
    })
    expect(gone.stderr).toContain("AccessDenied")
    const other = ociflow(["pull", "--policy", "always", "--root", root, `${registry.host}/small:latest`], {
      HOME: directory,
      XDG_RUNTIME_DIR: join(directory, "none")
    })
    expect(other.stderr).toContain("AccessDenied")
  }
)

test.runIf(process.getuid?.() === 0)(
  "a user whom the system does not know, without HOME, pulls with --root",
  async () => {
    await using registry = await startDockerRegistry({ storage })
    const root = mkdtempSync(join(tmpdir(), "ociflow-nobody-"))
    const nobody = 54_321
    try {
      chownSync(root, nobody, nobody)
      const reference = `${registry.host}/small:latest`
      const pulled = ociflow(["pull", "--root", root, reference], {}, nobody)
      expect(pulled, pulled.stderr).toMatchObject({ status: 0 })
      const home = ociflow(["images"], { OCIFLOW_HOME: root }, nobody)
      expect(home, home.stderr).toMatchObject({ status: 0 })
      const without = ociflow(["images"], {}, nobody)
      expect(without).toMatchObject({ status: 2, stdout: "" })
      expect(without.stderr).toMatch(
        /^ociflow: InvalidOption: .*--root is needed, or the variable OCIFLOW_HOME: the user has no home directory\n/
      )
      const resolved = ociflow(["resolve", reference], { OCIFLOW_HOME: root }, nobody)
      expect(resolved, resolved.stderr).toMatchObject({ status: 0 })
      const login = ociflow(["logout", "r.test"], {}, nobody)
      expect(login.stderr).toMatch(/`DOCKER_CONFIG` is needed: the user has no home directory/)
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  }
)
