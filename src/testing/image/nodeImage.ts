/** A real image, made on the spot of what is surely there: the Node that runs, the libraries it loads, and packages. */
import { access } from "node:fs/promises"
import { arch, platform, version } from "node:process"
import { tar } from "../tar/Tar.ts"
import { image } from "./image.ts"
import { layerFromFiles } from "./layerFromFiles.ts"
import type { TestImage } from "./TestImage.ts"

export interface NodeImageOptions {
  /** A `node_modules` directory to put under `/app`. Default: none. */
  readonly modules?: string
  /** Which of its packages, by name (`effect`, `@scope/name`). Default: all. */
  readonly packages?: ReadonlyArray<string>
  /** The level of gzip. Default: 1, since speed matters more than size here. */
  readonly level?: number
}

const architectures: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386", arm: "arm/v7" }

/** Four layers: system, Node, packages, application. About 150 MB with the packages of an ordinary project. */
export const nodeImage = async (options: NodeImageOptions = {}): Promise<TestImage> => {
  const { modules, packages, level = 1 } = options
  const libraries = await sharedLibraries()
  const system = await layerFromFiles(Object.fromEntries(libraries.map((path) => [path.slice(1), path])))
  system
    .directory("etc")
    .file("etc/os-release", `ID=ociflow-demo\nPRETTY_NAME="Node.js ${version}"\n`)
    .file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n")
    .file("etc/shadow", "root:*:19000:0:99999:7:::\n", { mode: 0o640, gid: 42 })
    .symlink("etc/mtab", "/proc/mounts")
    .directory("tmp", { mode: 0o1777 })
    .directory("home/node", { uid: 1000, gid: 1000, mode: 0o750 })
    .file("tmp/build.log", "what the next layers remove\n")
  const runtime = (await layerFromFiles({ "usr/local/bin/node": process.execPath }))
    .hardLink("usr/local/bin/node20", "usr/local/bin/node")
    .symlink("usr/local/bin/nodejs", "node")
    .file("tmp/.wh.build.log")
  const wanted = packages?.map((name) => `app/node_modules/${name}`)
  const keep = (path: string) =>
    wanted === undefined || wanted.some((name) => `${name}/`.startsWith(`${path}/`) || path.startsWith(`${name}/`))
  const app = tar()
    .directory("app", { uid: 1000, gid: 1000 })
    .file("app/main.js", 'console.log("hello from", process.version)\n', { uid: 1000, gid: 1000 })
    .symlink("app/latest.js", "main.js")
    .directory("app/cache", { uid: 1000, gid: 1000, mode: 0o700 })
    .file("app/cache/.wh..wh..opq")
  return image({
    layers: [
      system,
      runtime,
      ...(modules === undefined ? [] : [await layerFromFiles({ "app/node_modules": modules }, { keep })]),
      app
    ],
    level,
    platform: `${platform === "win32" ? "windows" : "linux"}/${architectures[arch] ?? arch}`,
    index: true,
    config: { config: { Entrypoint: ["/usr/local/bin/node"], Cmd: ["/app/main.js"], WorkingDir: "/app", User: "node" } }
  })
}

/** What the dynamic linker loaded into this process, as far as it is there as files. */
const sharedLibraries = async (): Promise<ReadonlyArray<string>> => {
  const paths = loaded().filter((path) => path.startsWith("/"))
  const there = await Promise.all(
    [...new Set(paths)].map((path) =>
      access(path).then(
        () => [path],
        () => []
      )
    )
  )
  return there.flat()
}

const loaded = (): ReadonlyArray<string> => {
  // A report with the network looks up names, which may take seconds.
  const { report } = process
  if (report === undefined) return []
  Reflect.set(report, "excludeNetwork", true)
  const { sharedObjects = [] } = report.getReport() as { sharedObjects?: ReadonlyArray<string> }
  return sharedObjects
}
