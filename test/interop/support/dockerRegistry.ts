/** Debian's docker-registry (distribution 2.8) as a real peer: started on a free port, ended with the test. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { homedir, tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"

/** Where `bench/images.sh` keeps what it made. */
export const imagesDir =
  process.env["IMAGES"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "ociflow-images")

const script = join(import.meta.dirname, "../../../bench/images.sh")

export interface DockerRegistry extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** Lines of the access log so far. */
  readonly log: () => string
}

export interface DockerRegistryOptions {
  readonly images?: ReadonlyArray<string>
  /** More of `config.yml`, as an object; it may need to know the port. */
  readonly config?: Readonly<Record<string, unknown>> | ((port: number) => Readonly<Record<string, unknown>>)
  /** Keep blobs here, so that several registries serve the same. */
  readonly storage?: string
  /** Where one was that has ended. */
  readonly port?: number
}

export const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const server = createServer().once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() =>
        typeof address === "object" && address ? resolve(address.port) : reject(new Error("no port"))
      )
    })
  })

const accepts = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false))
    socket.once("connect", () => socket.destroy())
  })

export const makeImages = (...images: ReadonlyArray<string>) =>
  execFileSync(script, ["make", ...images], { stdio: ["ignore", "inherit", "inherit"] })

export const pushImages = (port: number, ...images: ReadonlyArray<string>) =>
  execFileSync(script, ["push", String(port), ...images], { stdio: ["ignore", "inherit", "inherit"] })

export const startDockerRegistry = async (options: DockerRegistryOptions = {}): Promise<DockerRegistry> => {
  const directory = mkdtempSync(join(tmpdir(), "ociflow-registry-"))
  const port = options.port ?? (await freePort())
  const config = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: false } },
    storage: { filesystem: { rootdirectory: options.storage ?? directory }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}` },
    ...(typeof options.config === "function" ? options.config(port) : options.config)
  }
  const file = join(directory, "config.yml")
  writeFileSync(file, JSON.stringify(config))
  const lines: Array<string> = []
  const registry: ChildProcess = spawn("docker-registry", ["serve", file], { stdio: ["ignore", "pipe", "pipe"] })
  registry.stdout?.on("data", (chunk) => lines.push(String(chunk)))
  registry.stderr?.on("data", (chunk) => lines.push(String(chunk)))
  for (let tries = 0; !(await accepts(port)); tries++) {
    if (tries > 200 || registry.exitCode !== null) throw new Error(`docker-registry did not start:\n${lines.join("")}`)
    await wait(25)
  }
  if (options.images !== undefined) {
    makeImages(...options.images)
    pushImages(port, ...options.images)
  }
  return {
    host: `127.0.0.1:${port}`,
    port,
    log: () => lines.join(""),
    async [Symbol.asyncDispose]() {
      const gone = new Promise((resolve) => registry.once("exit", resolve))
      if (registry.exitCode === null && registry.signalCode === null) {
        registry.kill("SIGKILL")
        await gone
      }
      rmSync(directory, { recursive: true, force: true })
    }
  }
}
