/** `hosts.toml` and authorities as containerd, podman and skopeo take them: what they can pull by a file, we can. */
import { execFileSync, spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { open } from "../support/open.ts"
import { intermediate, leaf, leafKey, root } from "../testing/chain.ts"
import { type DockerRegistry, makeImages, pushImages, startDockerRegistry } from "./support/dockerRegistry.ts"

let directory: string
let containerd: ReturnType<typeof spawn>
let registry: DockerRegistry
const at = (name: string) => join(directory, name)
const write = (name: string, text: string) => {
  mkdirSync(join(at(name), ".."), { recursive: true })
  writeFileSync(at(name), text)
  return at(name)
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "ociflow-hosts-"))
  makeImages("small")
  const storage = at("storage")
  {
    await using plain = await startDockerRegistry({ storage })
    pushImages(plain.port, "small")
  }
  const tls = { certificate: write("server.crt", leaf + intermediate), key: write("server.key", leafKey) }
  registry = await startDockerRegistry({
    storage,
    config: (port) => ({ http: { addr: `127.0.0.1:${port}`, tls } })
  })
  for (const [name, text] of Object.entries({ root, intermediate, leaf })) write(`${name}.crt`, text)
  const config = `version = 2
root = "${at("containerd/root")}"
state = "${at("containerd/state")}"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "${at("containerd.sock")}"
`
  containerd = spawn("containerd", ["--config", write("containerd.toml", config), "--log-level", "error"], {
    stdio: "ignore"
  })
  for (let tries = 0; !existsSync(at("containerd.sock")); tries++) {
    if (tries > 400) throw new Error("containerd did not start")
    await wait(25)
  }
}, 300_000)
afterAll(async () => {
  const ended = new Promise((resolve) => containerd.once("exit", resolve))
  containerd.kill()
  await ended
  await registry[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

const accepts = (command: string, ...args: ReadonlyArray<string>): boolean => {
  try {
    execFileSync(command, args, { stdio: "pipe", timeout: 30_000 })
    return true
  } catch {
    return false
  }
}

/** Whether containerd, and whether we, can pull with this directory of hosts. */
const both = async (hosts: string, host = registry.host) => {
  const reference = `${host}/small:latest`
  const ctr = ["--address", at("containerd.sock"), "content", "fetch", "--hosts-dir", at(hosts), reference]
  await using oci = await open({ hostsDirs: [at(hosts)], retry: { times: 0 } })
  const ours = await oci.pull(reference).then(
    () => true,
    () => false
  )
  accepts("ctr", "--address", at("containerd.sock"), "images", "rm", reference)
  return [accepts("ctr", ...ctr), ours]
}

describe("a table of hosts.toml that names the registry itself", () => {
  const forms: Readonly<Record<string, (url: string) => string>> = {
    "by ca": (url) => `server = "${url}"\n[host."${url}"]\nca = "${at("root.crt")}"\n`,
    "by skip_verify": (url) => `server = "${url}"\n[host."${url}"]\nskip_verify = true\n`,
    "without a server": (url) => `[host."${url}"]\ncapabilities = ["pull", "resolve"]\nca = "${at("root.crt")}"\n`,
    "with an empty list of capabilities": (url) => `[host."${url}"]\ncapabilities = []\nca = "${at("root.crt")}"\n`,
    "with capabilities in another case": (url) =>
      `[host."${url}"]\ncapabilities = ["Pull", "RESOLVE"]\nca = "${at("root.crt")}"\n`,
    "behind a mirror that is not there": (url) =>
      `[host."https://127.0.0.1:1"]\n[host."${url}"]\nca = "${at("root.crt")}"\n`
  }
  for (const [name, form] of Object.entries(forms))
    test(`${name}: containerd pulls by it, and we do`, async () => {
      const hosts = `tables/${name.replaceAll(" ", "-")}`
      write(`${hosts}/${registry.host}/hosts.toml`, form(`https://${registry.host}`))
      expect(await both(hosts)).toEqual([true, true])
    })

  test("without an authority neither pulls", async () => {
    write(`none/${registry.host}/hosts.toml`, `[host."https://${registry.host}"]\n`)
    expect(await both("none")).toEqual([false, false])
  })
})

test("a mirror's own authority: containerd pulls by it, and we do", async () => {
  const table = `[host."https://${registry.host}"]\nca = "${at("root.crt")}"\n`
  write("mirror/registry.invalid/hosts.toml", `server = "https://registry.invalid"\n${table}`)
  write("untrusted/registry.invalid/hosts.toml", `[host."https://${registry.host}"]\n`)
  expect(await both("mirror", "registry.invalid")).toEqual([true, true])
  expect(await both("untrusted", "registry.invalid")).toEqual([false, false])
})

/** No setting has the scheme: skopeo begins with HTTPS, we with plain HTTP, and containerd stays with that. */
describe("a registry on a loopback address that speaks TLS", () => {
  for (const [name, trusted] of Object.entries({ root: true, none: false }))
    test(`whose certificate is ${trusted ? "" : "not "}trusted`, async () => {
      const { host } = registry
      const reference = `docker://${host}/small:latest`
      const settings = trusted ? `ca = "${at("root.crt")}"\n` : ""
      write(`loopback-${name}/_default/hosts.toml`, settings)
      const certs = at(`loopback-certs-${name}`)
      if (trusted) write(`loopback-certs-${name}/ca.crt`, root)
      const skopeo = accepts("skopeo", "inspect", ...(trusted ? ["--cert-dir", certs] : []), reference)
      expect([...(await both(`loopback-${name}`)), skopeo]).toEqual([false, trusted, trusted])
      await using oci = await open({
        plainHttp: false,
        retry: { times: 0 },
        hostsDirs: [],
        hosts: trusted ? { "*": { ca: at("root.crt") } } : {}
      })
      const asked = oci.resolve(`${host}/small:latest`)
      if (trusted) expect(await asked).toMatchObject({ digest: expect.any(String) })
      else await expect(asked).rejects.toThrow(/certificate/)
    })
})

describe("an authority in certs.d", () => {
  for (const name of ["root", "intermediate", "leaf"])
    test(`that is the ${name}: as skopeo takes it`, async () => {
      const { host } = registry
      const certs = `certs-${name}/${host}`
      write(`${certs}/ca.crt`, { root, intermediate, leaf }[name] ?? "")
      const skopeo = accepts("skopeo", "inspect", "--cert-dir", at(certs), `docker://${host}/small:latest`)
      await using oci = await open({ hostsDirs: [at(`certs-${name}`)], retry: { times: 0 } })
      const ours = await oci.resolve(`${host}/small:latest`).then(
        () => true,
        () => false
      )
      expect([skopeo, ours]).toEqual([true, true])
    })
})
