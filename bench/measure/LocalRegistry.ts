/** The real registry (Debian's docker-registry, distribution 2.8) on this machine, with the real images. */
import { spawn } from "node:child_process"
import { mkdir, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { homedir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import type { TestImage } from "../../src/testing/index.ts"
import { CommandFailed, run } from "./Command.ts"
import { pushImage } from "./pushImage.ts"

export interface LocalRegistry extends AsyncDisposable {
  /** `127.0.0.1:port` */
  readonly host: string
  /** Makes and pushes an image that is not there yet, which takes minutes, once. */
  readonly provide: (image: string) => Promise<void>
  /** Puts an image there that this process made. */
  readonly push: (name: string, image: TestImage) => Promise<void>
  /** The file in which Linux counts what its process wrote: nearly all of it goes to clients. */
  readonly counts: string
}

/** Where `images.sh` keeps what it makes. */
export const imagesDir = (): string =>
  process.env["IMAGES"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "ociflow-images")

const script = fileURLToPath(new URL("../images.sh", import.meta.url))

const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const server = createServer()
    server.on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() =>
        typeof address === "object" && address ? resolve(address.port) : reject(new Error("no port"))
      )
    })
  })

const answers = async (url: string): Promise<boolean> =>
  fetch(url, { headers: { accept: "application/vnd.oci.image.manifest.v1+json" } }).then(
    async (response) => {
      await response.body?.cancel()
      return response.ok
    },
    () => false
  )

const configuration = (data: string, port: number) => `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {cache: {blobdescriptor: inmemory}, filesystem: {rootdirectory: ${JSON.stringify(data)}}}
http: {addr: "127.0.0.1:${port}"}
`

/** Starts one whose data outlives it. */
export const startLocalRegistry = async (): Promise<LocalRegistry> => {
  const data = join(imagesDir(), "registry")
  await mkdir(data, { recursive: true })
  const port = await freePort()
  const host = `127.0.0.1:${port}`
  const file = join(imagesDir(), `registry-${port}.yml`)
  await writeFile(file, configuration(data, port))
  const child = spawn("docker-registry", ["serve", file], { stdio: "ignore" })
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message))
    child.once("exit", (code) => resolve(`it ended with ${code}`))
  })
  const close = async () => {
    child.kill()
    await ended
    await rm(file)
  }
  const began = Date.now()
  while (!(await answers(`http://${host}/v2/`))) {
    const problem = await Promise.race([ended, sleep(20)])
    if (problem !== undefined || Date.now() - began > 20_000) {
      await close()
      throw new CommandFailed(`docker-registry: ${problem ?? "it does not answer"}; see bench/README.md`)
    }
  }
  const provide = async (image: string) => {
    if (await answers(`http://${host}/v2/${image}/manifests/latest`)) return
    console.error(`Making ${image}; it is kept in ${imagesDir()}`)
    await run({ argv: [script, "make", image] }, 3_600_000)
    await run({ argv: [script, "push", String(port), image] })
  }
  const push = (name: string, image: TestImage) => pushImage(`http://${host}`, name, image)
  return { host, provide, push, counts: `/proc/${child.pid}/io`, [Symbol.asyncDispose]: close }
}

export interface LayerOf {
  readonly digest: string
  readonly mediaType: string
  readonly size: number
}

const accept = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json"
].join(", ")

/** The layers of an image on that registry, lowest first, each once; its blobs are then in the page cache. */
export const layersOf = async (host: string, image: string): Promise<ReadonlyArray<LayerOf>> => {
  const base = `http://${host}/v2/${image}`
  const response = await fetch(`${base}/manifests/latest`, { headers: { accept } })
  if (!response.ok) throw new CommandFailed(`${image} on ${host}: ${response.status}`)
  const manifest = (await response.json()) as { layers: ReadonlyArray<LayerOf> }
  const layers = [...new Map(manifest.layers.map((layer) => [layer.digest, layer])).values()]
  for (const { digest } of layers) {
    const blob = await fetch(`${base}/blobs/${digest}`)
    await blob.body?.pipeTo(new WritableStream())
  }
  return layers
}
