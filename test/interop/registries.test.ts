/** Registries as people have them, by real programs: private CAs, client certificates, caches, proxies, helpers. */
import { execFileSync, spawn } from "node:child_process"
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { networkInterfaces, tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { afterAll, beforeAll, expect, test } from "vitest"
import type { PullEvent } from "../../src/api/events.ts"
import { open } from "../support/open.ts"
import { reasonOf } from "../support/rejection.ts"
import { type DockerRegistry, freePort, makeImages, pushImages, startDockerRegistry } from "./support/dockerRegistry.ts"

let directory: string
let storage: string
const at = (name: string) => join(directory, name)
const openssl = (...args: ReadonlyArray<string>) => execFileSync("openssl", args, { cwd: directory, stdio: "pipe" })

const bin = join(import.meta.dirname, "../../dist/cli/main.js")

/** This machine's address that is not loopback: a proxy is never asked for loopback. */
const address = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "ociflow-registries-"))
  storage = at("storage")
  // Before the first client reads the environment.
  process.env["DOCKER_CONFIG"] = directory
  makeImages("small")
  await using plain = await startDockerRegistry({ storage })
  pushImages(plain.port, "small")
  openssl(
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-keyout",
    "ca.key",
    "-subj",
    "/CN=private",
    "-days",
    "2",
    "-out",
    "ca.crt"
  )
  writeFileSync(at("san"), `subjectAltName=IP:127.0.0.1${address === undefined ? "" : `,IP:${address}`}`)
  for (const name of ["server", "client"]) {
    openssl(
      "req",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-keyout",
      `${name}.key`,
      "-subj",
      `/CN=${name}`,
      "-out",
      `${name}.csr`
    )
    openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      "-CA",
      "ca.crt",
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      "-days",
      "2",
      "-extfile",
      "san",
      "-out",
      `${name}.crt`
    )
  }
}, 300_000)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const secured =
  (more: object = {}, listen = "127.0.0.1") =>
  (port: number) => ({
    http: { addr: `${listen}:${port}`, tls: { certificate: at("server.crt"), key: at("server.key"), ...more } }
  })
const requests = (registry: DockerRegistry) =>
  registry
    .log()
    .split("\n")
    .filter((line) => line.includes("GET /v2/")).length

test("a private authority and a client certificate are taken from option, hosts.toml and certs.d", async () => {
  await using registry = await startDockerRegistry({ storage, config: secured({ clientcas: [at("ca.crt")] }) })
  const reference = `${registry.host}/small:latest`
  const client = { cert: at("client.crt"), key: at("client.key") }
  {
    await using oci = await open({ hosts: { [registry.host]: { ca: at("ca.crt"), client } } })
    expect((await oci.pull(reference)).layers).toHaveLength(1)
  }
  const hosts = at(`hosts/${registry.host}`)
  mkdirSync(hosts, { recursive: true })
  writeFileSync(join(hosts, "hosts.toml"), `ca = "${at("ca.crt")}"\nclient = [["${client.cert}", "${client.key}"]]\n`)
  const certs = at(`certs/127.0.0.1_${registry.port}_`)
  mkdirSync(certs, { recursive: true })
  for (const [from, to] of [
    ["ca.crt", "ca.crt"],
    ["client.crt", "me.cert"],
    ["client.key", "me.key"]
  ] as const)
    execFileSync("cp", [at(from), join(certs, to)])
  for (const name of ["hosts", "certs"]) {
    await using oci = await open({ hostsDirs: [at(name)] })
    expect((await oci.pull(reference)).layers).toHaveLength(1)
  }
  const wrong = [{}, { ca: at("ca.crt") }, { insecure: true }, { client, ca: at("absent.crt") }, { plainHttp: true }]
  for (const options of wrong) {
    await using oci = await open({ hosts: { [registry.host]: options }, retry: { times: 0 } })
    expect(["RegistryUnreachable", "RegistryError"]).toContain((await reasonOf(oci.pull(reference)))._tag)
  }
  await using oci = await open({ hosts: { [registry.host]: { client, insecure: true } } })
  expect((await oci.pull(reference)).layers).toHaveLength(1)
})

test("a pull-through cache is used if hosts.toml or an option names it, else the registry", async () => {
  await using origin = await startDockerRegistry({ storage })
  await using cache = await startDockerRegistry({ config: { proxy: { remoteurl: `http://${origin.host}` } } })
  const reference = `${origin.host}/small:latest`
  const hosts = at(`mirrored/${origin.host}`)
  mkdirSync(hosts, { recursive: true })
  writeFileSync(join(hosts, "hosts.toml"), `[host."http://${cache.host}"]\n  capabilities = ["pull", "resolve"]\n`)
  for (const options of [
    { hostsDirs: [at("mirrored")] },
    { hosts: { [origin.host]: { mirrors: [`http://${cache.host}`] } } }
  ]) {
    const before = requests(cache)
    await using oci = await open(options)
    const image = await oci.pull(reference)
    expect(image).toMatchObject({ reference })
    expect(requests(cache)).toBeGreaterThanOrEqual(before + 3)
  }
  await cache[Symbol.asyncDispose]()
  const events: Array<PullEvent> = []
  await using oci = await open({ hostsDirs: [at("mirrored")] })
  await oci.pull(reference, { onEvent: (event) => void events.push(event) })
  expect(events).toContainEqual(expect.objectContaining({ _tag: "Warning", code: "MirrorFailed" }))
})

const startTinyproxy = async () => {
  const port = await freePort()
  const log = at(`proxy-${port}.log`)
  writeFileSync(log, "")
  chmodSync(directory, 0o755)
  chmodSync(log, 0o666)
  const lines = [
    `Port ${port}`,
    "Listen 127.0.0.1",
    "Timeout 30",
    "MaxClients 20",
    "LogLevel Connect",
    `LogFile "${log}"`,
    "BasicAuth me s3cret"
  ]
  writeFileSync(at("tinyproxy.conf"), `${lines.join("\n")}\n`)
  const child = spawn("tinyproxy", ["-d", "-c", at("tinyproxy.conf")], { stdio: "ignore" })
  const listens = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true))
      socket.on("error", () => resolve(false)).on("connect", () => socket.destroy())
    })
  for (let tries = 0; !(await listens()); tries++) {
    if (tries > 200) throw new Error("tinyproxy did not start")
    await wait(25)
  }
  return {
    url: (login: string) => `http://${login}127.0.0.1:${port}`,
    log: () => execFileSync("cat", [log], { encoding: "utf8" }),
    async [Symbol.asyncDispose]() {
      const gone = new Promise((resolve) => child.once("exit", resolve))
      child.kill("SIGKILL")
      await gone
    }
  }
}

test("a forward proxy that wants a password: with it, without it, and past it for whom NO_PROXY names", async () => {
  expect(address, "a machine with an address that is not loopback").toBeDefined()
  await using proxy = await startTinyproxy()
  await using registry = await startDockerRegistry({ storage, config: secured({}, "0.0.0.0") })
  const host = `${address}:${registry.port}`
  const reference = `${host}/small:latest`
  const options = { hosts: { [host]: { ca: at("ca.crt") } }, retry: { times: 0 } }
  {
    await using oci = await open({ ...options, proxy: { url: proxy.url("me:s3cret@") } })
    expect((await oci.pull(reference)).layers).toHaveLength(1)
    expect(proxy.log()).toContain(host)
  }
  const tunnels = () => proxy.log().split("CONNECT").length
  for (const login of ["", "me:hunter2@"]) {
    await using oci = await open({ ...options, proxy: { url: proxy.url(login) } })
    const reason = await reasonOf(oci.pull(reference))
    expect(reason).toMatchObject({ _tag: "RegistryUnreachable" })
    expect(reason.message).toMatch(/the proxy 127\.0\.0\.1:[0-9]+ answered 40[137]/)
    expect(JSON.stringify(reason) + reason.message).not.toContain("hunter2")
  }
  const before = tunnels()
  await using oci = await open({
    ...options,
    proxy: { url: proxy.url("me:s3cret@"), noProxy: `192.168.0.0/32, .test, ${address}` }
  })
  expect((await oci.pull(reference)).layers).toHaveLength(1)
  expect(tunnels()).toBe(before)

  // A registry that only the proxy can reach: this one's name is known to nobody else.
  await using gone = await open({ ...options, proxy: false, timeouts: { connect: 500 } })
  expect(await reasonOf(gone.pull("registry.invalid/small:latest"))).toMatchObject({ _tag: "RegistryUnreachable" })
})

test("a credential helper by credHelpers and by credsStore", async () => {
  const htpasswd = at("htpasswd")
  writeFileSync(htpasswd, execFileSync("htpasswd", ["-Bbn", "me", "correct horse"]))
  await using registry = await startDockerRegistry({
    storage,
    config: { auth: { htpasswd: { realm: "here", path: htpasswd } } }
  })
  mkdirSync(at("bin"), { recursive: true })
  writeFileSync(
    at("bin/docker-credential-sh"),
    `#!/bin/sh
[ "$1" = get ] || exit 2
read -r host
if [ "$host" = ${registry.host} ]; then printf '{"ServerURL":"%s","Username":"me","Secret":"correct horse"}\\n' "$host"
else echo "credentials not found in native keychain"; exit 1; fi
`,
    { mode: 0o755 }
  )
  const { PATH } = process.env
  process.env["PATH"] = `${at("bin")}${delimiter}${PATH}`
  try {
    for (const config of [{ credHelpers: { [registry.host]: "sh" } }, { credsStore: "sh" }]) {
      writeFileSync(at("config.json"), JSON.stringify(config))
      await using oci = await open()
      expect((await oci.pull(`${registry.host}/small:latest`)).layers).toHaveLength(1)
    }
  } finally {
    process.env["PATH"] = PATH
  }
})

test("a credential helper of a distribution: pass, through credHelpers and credsStore", async () => {
  const htpasswd = at("htpasswd-pass")
  writeFileSync(htpasswd, execFileSync("htpasswd", ["-Bbn", "me", "in the keyring"]))
  await using registry = await startDockerRegistry({
    storage,
    config: { auth: { htpasswd: { realm: "here", path: htpasswd } } }
  })
  const home = at("keyring")
  mkdirSync(home, { mode: 0o700 })
  const environment = { GNUPGHOME: home, PASSWORD_STORE_DIR: at("password-store") }
  const env = { ...process.env, ...environment }
  const batch = ["--batch", "--passphrase", "", "--pinentry-mode", "loopback"]
  execFileSync("gpg", [...batch, "--quick-generate-key", "ociflow", "default", "default", "never"], {
    env,
    stdio: "pipe"
  })
  execFileSync("pass", ["init", "ociflow"], { env, stdio: "pipe" })
  const before = Object.fromEntries(Object.keys(environment).map((name) => [name, process.env[name]]))
  Object.assign(process.env, environment)
  try {
    const reference = `${registry.host}/small:latest`
    for (const config of [{ credHelpers: { [registry.host]: "pass" } }, { credsStore: "pass" }]) {
      writeFileSync(at("config.json"), JSON.stringify(config))
      {
        await using stranger = await open()
        expect(await reasonOf(stranger.pull(reference))).toMatchObject({ _tag: "AccessDenied", authenticated: false })
      }
      const login = ["login", registry.host, "--username", "me", "--password-stdin"]
      execFileSync(process.execPath, [bin, ...login], { input: "in the keyring", stdio: ["pipe", "pipe", "inherit"] })
      expect(JSON.parse(readFileSync(at("config.json"), "utf8"))).toMatchObject(config)
      {
        await using oci = await open()
        expect((await oci.pull(reference)).layers).toHaveLength(1)
      }
      execFileSync(process.execPath, [bin, "logout", registry.host], { stdio: "pipe" })
      await using after = await open()
      expect(await reasonOf(after.pull(reference))).toMatchObject({ _tag: "AccessDenied", authenticated: false })
    }
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
    execFileSync("gpgconf", ["--kill", "all"], { env, stdio: "pipe" })
  }
})

test.each(["/etc/containers/certs.d", "/etc/docker/certs.d"])(
  "certificates in %s, where the system keeps them",
  async (certs) => {
    await using registry = await startDockerRegistry({ storage, config: secured({ clientcas: [at("ca.crt")] }) })
    const reference = `${registry.host}/small:latest`
    {
      await using without = await open({ retry: { times: 0 } })
      expect(["RegistryUnreachable", "RegistryError"]).toContain((await reasonOf(without.pull(reference)))._tag)
    }
    // A host that is ours alone, by its port: nobody else's directory.
    const place = join(certs, registry.host)
    const made = mkdirSync(place, { recursive: true })
    try {
      copyFileSync(at("ca.crt"), join(place, "ca.crt"))
      copyFileSync(at("client.crt"), join(place, "client.cert"))
      copyFileSync(at("client.key"), join(place, "client.key"))
      await using oci = await open({ retry: { times: 0 } })
      expect((await oci.pull(reference)).layers).toHaveLength(1)
      const peer = `docker://${reference}`
      expect(() => execFileSync("skopeo", ["inspect", peer], { stdio: "pipe" })).not.toThrow()
    } finally {
      rmSync(made ?? place, { recursive: true })
    }
  }
)
