/** A bundle: what an image says becomes what a runtime reads, beside a tree of its own; all of it or nothing. */
import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import type { BundleOptions, LayoutName } from "../../src/api/config.ts"
import type { PullEvent } from "../../src/api/events.ts"
import type { RuntimeSpec } from "../../src/bundle/RuntimeSpec.ts"
import { fault, image, startRegistry, tar } from "../../src/testing/index.ts"
import { open, temporaryRoot } from "../support/open.ts"
import { reasonOf } from "../support/rejection.ts"

const passwd = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n"
const group = "root:x:0:\nstaff:x:50:app,other\nvideo:x:44:app\n"
const execution = {
  User: "app",
  Env: ["PATH=/opt/bin", "A=b=c"],
  Entrypoint: ["/entry"],
  Cmd: ["run", "-x"],
  WorkingDir: "/srv",
  StopSignal: "SIGQUIT",
  ExposedPorts: { "80/tcp": {}, "53/udp": {} },
  Volumes: { "/var/lib/data": {}, "/proc/x": {}, "/": {} },
  Labels: { team: "blue", "run.oci.handler": "krun", "org.opencontainers.image.author": "label" }
}

const layers = () => [
  tar()
    .directory("./", { mode: 0o755 })
    .directory("etc/")
    .file("etc/passwd", passwd)
    .file("etc/group", group)
    .file("old", "old")
    .file("bin/app", "app", { mode: 0o755 })
    .hardLink("bin/again", "bin/app"),
  tar().file(".wh.old").file("new", "new")
]

const app = (config: Readonly<Record<string, unknown>> = execution, root = layers()) =>
  image({ layers: root, config: { created: "2024-01-02T03:04:05Z", author: "me", config } })

const specAt = async (path: string): Promise<RuntimeSpec> =>
  JSON.parse(await readFile(join(path, "config.json"), "utf8"))

/** A client, a reference, and a directory that is not there yet. */
const scene = async (config?: Readonly<Record<string, unknown>>, root = layers()) => {
  const registry = await startRegistry({ images: { "app:1": await app(config, root) } })
  const oci = await open()
  const home = await temporaryRoot()
  return {
    registry,
    oci,
    home: home.root,
    reference: registry.reference("app:1"),
    at: join(home.root, "bundle"),
    async [Symbol.asyncDispose]() {
      await oci[Symbol.asyncDispose]()
      await registry[Symbol.asyncDispose]()
      await home[Symbol.asyncDispose]()
    }
  }
}

/** What a rootless bundle of the image says. */
const converted = async (options: BundleOptions = {}, config?: Readonly<Record<string, unknown>>) => {
  await using it = await scene(config)
  const events: Array<PullEvent> = []
  await it.oci.bundle(it.reference, it.at, { rootless: true, onEvent: (event) => events.push(event), ...options })
  return { spec: await specAt(it.at), events }
}

describe("the config of a bundle", () => {
  test("says what the image says, as image-spec's conversion.md has it", async () => {
    const { spec, events } = await converted()
    expect(spec.process).toMatchObject({
      args: ["/entry", "run", "-x"],
      env: ["PATH=/opt/bin", "A=b=c"],
      cwd: "/srv",
      user: { uid: 1000, gid: 1001 },
      terminal: false,
      noNewPrivileges: true
    })
    expect(spec.root).toEqual({ path: "rootfs", readonly: false })
    expect(spec.annotations).toMatchObject({
      team: "blue",
      "org.opencontainers.image.os": "linux",
      "org.opencontainers.image.created": "2024-01-02T03:04:05Z",
      "org.opencontainers.image.stopSignal": "SIGQUIT",
      "org.opencontainers.image.exposedPorts": "80/tcp,53/udp",
      // The label wins over the config's own author.
      "org.opencontainers.image.author": "label"
    })
    expect(spec.mounts.at(-1)).toMatchObject({ destination: "/var/lib/data", type: "tmpfs" })
    // What a runtime obeys is not the image's to say, and is told.
    expect(Object.keys(spec.annotations ?? {})).not.toContain("run.oci.handler")
    expect(events.filter(({ _tag }) => _tag === "Warning")).toMatchObject([
      { code: "AnnotationsDropped", message: expect.stringContaining("run.oci.handler") }
    ])
  })

  test("says what the caller says in its place", async () => {
    const options = {
      args: ["/bin/true", ""],
      env: { A: "x", B: "" },
      cwd: "/tmp",
      user: "7:8",
      hostname: "h",
      terminal: true,
      readonly: true
    }
    const { spec } = await converted(options)
    expect(spec.process).toMatchObject({
      args: ["/bin/true", ""],
      env: ["TERM=xterm", "PATH=/opt/bin", "A=x", "B="],
      cwd: "/tmp",
      user: { uid: 7, gid: 8 },
      terminal: true
    })
    expect([spec.hostname, spec.root.readonly]).toEqual(["h", true])
  })

  test("is rootless as runc writes it: one id, no cgroups, no group 5, the host's sysfs", async () => {
    const { spec } = await converted({ user: "root" })
    const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0]
    expect(spec.linux.uidMappings).toEqual([{ containerID: 0, hostID: uid, size: 1 }])
    expect(spec.linux.gidMappings).toEqual([{ containerID: 0, hostID: gid, size: 1 }])
    expect(spec.linux.namespaces.map(({ type }) => type)).toContain("user")
    expect(spec.linux.namespaces.map(({ type }) => type)).not.toContain("network")
    expect(spec.linux.resources).toBeUndefined()
    expect(spec.mounts.map(({ destination }) => destination)).not.toContain("/sys/fs/cgroup")
    expect(spec.mounts.flatMap(({ options = [] }) => options)).not.toContain("gid=5")
    expect(spec.mounts.find(({ destination }) => destination === "/sys")?.options).toContain("rbind")
  })

  test("of an image that says next to nothing has what a process needs", async () => {
    const { spec } = await converted({}, { Cmd: ["/bin/sh"], WorkingDir: "../../srv" })
    expect(spec.process).toMatchObject({
      args: ["/bin/sh"],
      env: [expect.stringMatching(/^PATH=.*\/bin/)],
      cwd: "/srv",
      user: { uid: 0, gid: 0 }
    })
  })

  test.for([
    ["an environment with a NUL", { Env: ["A=b\0c"], Cmd: ["x"] }, "InvalidManifest"],
    ["an argument with a NUL", { Cmd: ["x\0y"] }, "InvalidManifest"],
    ["a directory with a NUL", { Cmd: ["x"], WorkingDir: "/\0" }, "InvalidManifest"],
    ["a volume with a NUL", { Cmd: ["x"], Volumes: { "/a\0b": {} } }, "InvalidManifest"],
    ["a label with a NUL", { Cmd: ["x"], Labels: { "a\0": "b" } }, "InvalidManifest"],
    ["nothing to start", { Env: ["A=b"] }, "InvalidOption"],
    ["a user that it does not have", { Cmd: ["x"], User: "nobody" }, "UnknownUser"],
    ["a group that it does not have", { Cmd: ["x"], User: "app:wheel" }, "UnknownUser"],
    ["an id beyond all", { Cmd: ["x"], User: "4294967295" }, "UnknownUser"],
    ["a negative id", { Cmd: ["x"], User: "-1" }, "UnknownUser"],
    ["a user whose name a terminal would obey", { Cmd: ["x"], User: "a\u001b[2J" }, "UnknownUser"]
  ] as const)("of an image with %s is refused, and nothing stays", async ([, config, tag]) => {
    await using it = await scene(config)
    const reason = await reasonOf(it.oci.bundle(it.reference, it.at))
    expect(reason._tag).toBe(tag)
    expect(reason.message).not.toMatch(/\p{Cc}/u)
    expect(await readdir(it.home)).toEqual([])
  })

  test("whose fields are of another kind is read without them", async () => {
    const { spec } = await converted(
      { args: ["x"] },
      { Env: [1, {}], Cmd: "sh", User: 7, Volumes: "v", Labels: { a: 1 } }
    )
    expect(spec.process).toMatchObject({
      args: ["x"],
      env: [expect.stringMatching(/^PATH=/)],
      user: { uid: 0, gid: 0 }
    })
  })
})

describe("the accounts of an image", () => {
  const withAccounts = (add: (archive: ReturnType<typeof tar>) => ReturnType<typeof tar>) => [
    add(tar().directory("etc/"))
  ]
  const outside = "/etc/passwd"

  test.for([
    ["a link out of the image", withAccounts((it) => it.symlink("etc/passwd", `../../../..${outside}`)), "UnknownUser"],
    ["an absolute link", withAccounts((it) => it.symlink("etc/passwd", "/proc/self/../../etc/shadow")), "UnknownUser"],
    ["a link to itself", withAccounts((it) => it.symlink("etc/passwd", "passwd")), "UnknownUser"],
    ["a directory", withAccounts((it) => it.directory("etc/passwd/")), "UnknownUser"],
    ["a FIFO", withAccounts((it) => it.fifo("etc/passwd")), "UnknownUser"],
    ["a device", withAccounts((it) => it.characterDevice("etc/passwd", 1, 5)), "UnknownUser"],
    ["no directory above it", [tar().file("etc", "x")], "UnknownUser"],
    ["none at all", [tar().file("x")], "UnknownUser"],
    ["zeros", withAccounts((it) => it.file("etc/passwd", Buffer.alloc(100_000))), "UnknownUser"]
  ] as const)("that are %s are not the host's", async ([, root, tag]) => {
    await using it = await scene({ Cmd: ["x"], User: "nobody" }, [...root])
    expect((await reasonOf(it.oci.bundle(it.reference, it.at)))._tag).toBe(tag)
    expect(await readdir(it.home)).toEqual([])
  })

  test("are read through links within the image", async () => {
    const root = [tar().symlink("etc/passwd", "/usr/lib/passwd").file("usr/lib/passwd", passwd)]
    await using it = await scene({ Cmd: ["x"], User: "app" }, root)
    await it.oci.bundle(it.reference, it.at)
    expect((await specAt(it.at)).process.user).toEqual({ uid: 1000, gid: 1001 })
  })

  test("have at most `limits.bodyBytes`", async () => {
    await using registry = await startRegistry({ images: { "app:1": await app() } })
    await using home = await temporaryRoot()
    const bundle = async (bodyBytes: number) => {
      await using oci = await open({ limits: { bodyBytes } })
      await oci.bundle(registry.reference("app:1"), join(home.root, `${bodyBytes}`))
    }
    await bundle(Math.max(passwd.length, group.length))
    expect(await reasonOf(bundle(passwd.length - 1))).toMatchObject({ _tag: "LimitExceeded", limit: "bodyBytes" })
  })
})

/** Names, kinds and bytes. */
const treeOf = async (directory: string) => {
  const found: Record<string, string> = {}
  for (const name of (await readdir(directory, { recursive: true })).toSorted()) {
    const path = join(directory, name)
    const { mode, ino, mtimeMs } = await stat(path)
    const isFile = (mode & 0o170000) === 0o100000
    found[name] = isFile ? `${(mode & 0o777).toString(8)} ${mtimeMs} ${await readFile(path, "utf8")}` : "directory"
    if (name === "bin/again") expect(ino).toBe((await stat(join(directory, "bin/app"))).ino)
  }
  return found
}

describe("the tree of a bundle", () => {
  test.each(["layers", "overlay", "rootfs", "erofs"] as ReadonlyArray<LayoutName>)(
    "is the same from a registry and from a store in the layout %s, which does not change",
    async (layout) => {
      await using it = await scene()
      await using oci = await open({ layout })
      const fresh = await oci.bundle(it.reference, it.at, { rootless: true })
      expect(await oci.images()).toEqual([])
      await oci.pull(it.reference)
      const requests = it.registry.log.all.length
      const stored = await oci.bundle(it.reference, join(it.home, "stored"), { rootless: true })
      expect(it.registry.log.all.length).toBe(requests)
      const expected = await treeOf(fresh.rootfs)
      expect(Object.keys(expected)).toEqual(["bin", "bin/again", "bin/app", "etc", "etc/group", "etc/passwd", "new"])
      expect(await treeOf(stored.rootfs)).toEqual(expected)
      expect(await readFile(stored.config, "utf8")).toBe(await readFile(fresh.config, "utf8"))
      await writeFile(join(stored.rootfs, "bin/app"), "changed")
      expect((await oci.verify()).faults).toEqual([])
    }
  )
})

describe("the directory of a bundle", () => {
  test("may be there and empty, also by a link, and keeps its mode then", async () => {
    await using it = await scene()
    await mkdir(join(it.home, "real"), { mode: 0o750 })
    const { mode } = await stat(join(it.home, "real"))
    await symlink("real", it.at)
    const { path } = await it.oci.bundle(it.reference, it.at)
    expect(path).toBe(join(it.home, "real"))
    expect(await readdir(path)).toEqual(["config.json", "rootfs"])
    expect((await stat(path)).mode).toBe(mode)
    expect((await readdir(it.home)).toSorted()).toEqual(["bundle", "real"])
  })

  test("is private where it was not there", async () => {
    await using it = await scene()
    const { path } = await it.oci.bundle(it.reference, join(it.home, "a/b/c"))
    expect((await stat(path)).mode & 0o777).toBe(0o700)
  })

  test.for([
    ["has something in it", (at: string) => mkdir(at).then(() => writeFile(join(at, "x"), ""))],
    ["is a file", (at: string) => writeFile(at, "")],
    ["is a link that leads nowhere", (at: string) => symlink("nowhere", at)]
  ] as const)("that %s is refused, and stays as it is", async ([, make]) => {
    await using it = await scene()
    await make(it.at)
    const before = await readdir(it.home, { recursive: true })
    expect(await reasonOf(it.oci.bundle(it.reference, it.at))).toMatchObject({
      _tag: "InvalidOption",
      option: "directory"
    })
    expect(await readdir(it.home, { recursive: true })).toEqual(before)
  })

  test.for(["", "a\0b", undefined, 7])("that is not a path, %j, is an InvalidOption", async (path) => {
    await using it = await scene()
    const reason = await reasonOf(it.oci.bundle(it.reference, path as string))
    expect(reason).toMatchObject({ _tag: "InvalidOption", option: "directory" })
  })

  test("has nothing of a call that is cancelled, and the next call removes what a dead one left", async () => {
    await using it = await scene()
    const [lowest = expect.unreachable()] = (await app()).manifests[0]?.layers ?? []
    it.registry.fault({ kind: "blob", reference: lowest.digest, times: 1 }, fault.stall(0))
    const end = new AbortController()
    let running: Promise<unknown> = Promise.resolve()
    await new Promise<void>((started) => {
      const onEvent = ({ _tag }: PullEvent) => _tag === "LayerStarted" && started()
      running = it.oci.bundle(it.reference, it.at, { signal: end.signal, onEvent })
      void running.catch(() => undefined)
    })
    const staged = await readdir(it.home)
    expect(staged).toEqual([expect.stringMatching(/^\.ociflow-[0-9a-f]{16}$/)])
    end.abort(new Error("enough"))
    await expect(running).rejects.toThrow("enough")
    expect(await readdir(it.home)).toEqual([])
    const left = join(it.home, staged[0] ?? "")
    await mkdir(join(left, "rootfs"), { recursive: true })
    await writeFile(join(left, "rootfs", "x"), "x")
    await it.oci.bundle(it.reference, it.at)
    expect(await readdir(it.home)).toEqual(["bundle"])
    expect(await readdir(join(it.at, "rootfs"))).toEqual(["bin", "etc", "new"])
  })
})
