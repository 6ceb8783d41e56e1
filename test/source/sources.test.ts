/** One image, wherever it comes from: the same checks, the same trees, the same rows. */
import { execFileSync, spawn } from "node:child_process"
import { createHash, randomBytes } from "node:crypto"
import { createReadStream, readFileSync } from "node:fs"
import { mkdir, readdir, readFile, readlink, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Readable } from "node:stream"
import { gunzipSync, gzipSync } from "node:zlib"
import { describe, expect, test } from "vitest"
import { openArchiveFile } from "../../src/source/container/openFile.ts"
import { collect, contentOfBytes, image, imageIndex, randomImage, startRegistry, tar } from "../../src/testing/index.ts"
import { snapshot } from "../support/diskTree.ts"
import { archiveOf, type Files, layoutOf, savedOf, tagged, writeArchive, writeFiles } from "../support/files.ts"
import { open, temporaryRoot } from "../support/open.ts"
import { reasonOf } from "../support/rejection.ts"

const made = await randomImage("sources", { layers: 3, compression: "gzip" })
const other = await image({ layers: [{ files: { "etc/other": "x" } }] })
const app = made.manifests[0]
if (app === undefined) throw new Error("an image has a manifest")

/** Everything but what tells two copies apart; of directories not the time, which an archive need not say. */
const treesOf = async (layers: ReadonlyArray<{ readonly diffId: string; readonly path: string }>) =>
  layers.map(({ diffId, path }) => {
    const nodes = Object.entries(snapshot(path)).map(([name, { inode: _, ctime: __, mtime, ...node }]) => [
      name,
      { ...node, mtime: node["attributes"] !== undefined && node["body"] === undefined ? 0n : mtime }
    ])
    return [diffId, nodes]
  })

const fromRegistry = async () => {
  await using registry = await startRegistry({ images: { "app:1": made } })
  await using oci = await open()
  const pulled = await oci.pull(registry.reference("app:1"))
  return { digest: pulled.digest, trees: await treesOf(pulled.layers), details: await oci.inspect(pulled.reference) }
}
const expected = await fromRegistry()

describe("an OCI layout", () => {
  test.for(["directory", "tar", "tar with ./", "gzipped tar"])(
    "gives what the registry gives, as a %s",
    async (form) => {
      await using home = await temporaryRoot()
      const path = join(home.root, "layout")
      const files = layoutOf([[tagged("1"), made]])
      if (form === "directory") await writeFiles(path, files)
      else {
        const bytes = await collect(archiveOf(files, form.includes("./") ? "./" : ""))
        await writeFile(path, form === "gzipped tar" ? gzipSync(bytes) : bytes)
      }
      await using oci = await open()
      const pulled = await oci.pull(`oci:${path}:1`)
      expect(pulled).toMatchObject({ reference: `oci:${path}:1`, digest: expected.digest })
      expect(await treesOf(pulled.layers)).toEqual(expected.trees)
      const details = await oci.inspect(`oci:${path}:1`)
      expect(details?.manifests.map(({ digest, config }) => [digest, config])).toEqual(
        expected.details?.manifests.map(({ digest, config }) => [digest, config])
      )
      expect(await readdir(join(oci.root, "layers", ".staging"), { recursive: true })).not.toContainEqual(
        expect.stringContaining("archive.tar")
      )
      expect(await readdir(join(oci.root, "partial")).catch(() => [])).toEqual([])
    }
  )

  test("chooses among its images by tag, by full name and by digest, and refuses to guess", async () => {
    await using home = await temporaryRoot()
    const full = { ...tagged("1"), "io.containerd.image.name": "docker.io/library/other:1" }
    const path = await writeFiles(
      join(home.root, "layout"),
      layoutOf([
        [tagged("app"), made],
        [full, other]
      ])
    )
    await using oci = await open()
    expect((await oci.pull(`oci:${path}:app`)).digest).toBe(made.digest)
    expect((await oci.pull(`oci:${path}:1`)).digest).toBe(other.digest)
    expect((await oci.pull(`oci:${path}:other:1`)).digest).toBe(other.digest)
    expect((await oci.pull(`oci:${path}:@${made.digest}`)).digest).toBe(made.digest)
    expect(await reasonOf(oci.pull(`oci:${path}`))).toMatchObject({
      _tag: "InvalidSource",
      problem: expect.stringContaining("docker.io/library/other:1")
    })
    expect(await reasonOf(oci.pull(`oci:${path}:2`))).toMatchObject({
      _tag: "ManifestNotFound",
      detail: expect.stringContaining("app")
    })
  })

  test("is asked for a platform, and may be the index of one image itself", async () => {
    await using home = await temporaryRoot()
    const both = await Promise.all(
      ["linux/amd64", "linux/arm64"].map((platform) => image({ platform, layers: [{ files: { platform } }] }))
    )
    const index = imageIndex(both)
    const path = await writeFiles(join(home.root, "layout"), layoutOf([[tagged("1"), index]]))
    await using oci = await open()
    const arm = await oci.pull(`oci:${path}:1`, { platform: "linux/arm64" })
    expect([arm.platform, arm.digest, arm.manifestDigest]).toEqual(["linux/arm64", index.digest, both[1]?.digest])
    const bare = layoutOf([[{}, index]])
    bare.set("index.json", (await Promise.resolve(index.documents.get(index.digest)?.bytes)) ?? Buffer.alloc(0))
    const itself = await writeFiles(join(home.root, "itself"), bare)
    const again = await oci.pull(`oci:${itself}`, { platform: "linux/arm64" })
    expect(again.manifestDigest).toBe(both[1]?.digest)
  })

  test("that changed is seen: no network is asked for that", async () => {
    await using home = await temporaryRoot()
    const path = await writeFiles(join(home.root, "layout"), layoutOf([[tagged("1"), made]]))
    await using oci = await open()
    await oci.pull(`oci:${path}:1`)
    const cached: Array<boolean> = []
    const onEvent = (event: { readonly _tag: string; readonly cached?: boolean }) => {
      if (event._tag === "Pulled") cached.push(event.cached === true)
    }
    await oci.pull(`oci:${path}:1`, { onEvent })
    await writeFiles(path, layoutOf([[tagged("1"), other]]))
    expect((await oci.pull(`oci:${path}:1`, { onEvent })).digest).toBe(other.digest)
    expect(cached).toEqual([true, false])
    expect((await oci.pull(`oci:${path}:1`, { policy: "never" })).digest).toBe(other.digest)
  })

  const layer = app.layers[1]?.digest ?? ""
  const spoilt = (digest: string, change: (bytes: Buffer) => Buffer) => async (files: Files) => {
    const content = files.get(`blobs/${digest.replace(":", "/")}`) ?? Buffer.alloc(0)
    const bytes = "read" in content ? await collect(content) : Buffer.from(content)
    files.set(`blobs/${digest.replace(":", "/")}`, change(bytes))
  }
  const flipped = (bytes: Buffer) => {
    const copy = Buffer.from(bytes)
    copy[20] = (copy[20] ?? 0) ^ 1
    return copy
  }
  const lies: Readonly<Record<string, readonly [reason: string, lie: (files: Files) => unknown]>> = {
    "a layer with another byte": ["DigestMismatch", spoilt(layer, flipped)],
    "a layer that is shorter": ["SizeMismatch", spoilt(layer, (bytes) => bytes.subarray(1))],
    "a layer that is longer": ["SizeMismatch", spoilt(layer, (bytes) => Buffer.concat([bytes, Buffer.alloc(1)]))],
    "a config with another byte": ["DigestMismatch", spoilt(app.config.digest, flipped)],
    "a manifest with another byte": ["DigestMismatch", spoilt(made.digest, flipped)],
    "no such layer": ["BlobNotFound", (files) => files.delete(`blobs/${layer.replace(":", "/")}`)],
    "no such manifest": ["ManifestNotFound", (files) => files.delete(`blobs/${made.digest.replace(":", "/")}`)],
    "no index": ["InvalidSource", (files) => files.delete("index.json")],
    "an index that is not JSON": ["InvalidSource", (files) => files.set("index.json", Buffer.from("{"))],
    "an index that is too large": ["LimitExceeded", (files) => files.set("index.json", Buffer.alloc(5 * 2 ** 20, " "))]
  }
  test.for(
    Object.entries(lies).flatMap(([name, lie]) => ["directory", "tar"].map((form) => [name, form, lie] as const))
  )("with %s is refused, and nothing is published: as a %s", async ([, form, [reason, lie]]) => {
    await using home = await temporaryRoot()
    const files = layoutOf([[tagged("1"), made]])
    await lie(files)
    const path = join(home.root, "layout")
    await (form === "tar" ? writeArchive(path, files) : writeFiles(path, files))
    await using oci = await open()
    expect(await reasonOf(oci.pull(`oci:${path}:1`))).toMatchObject({ _tag: reason })
    expect(await oci.images()).toEqual([])
    const names = await readdir(join(oci.root, "layers")).catch(() => [])
    expect(names.filter((name) => name.includes(layer.slice(7)))).toEqual([])
  })

  test("whose blobs are links is read, one with a FIFO for a blob is refused at once", async () => {
    await using home = await temporaryRoot()
    const path = await writeFiles(join(home.root, "layout"), layoutOf([[tagged("1"), made]]))
    const blob = join(path, "blobs", layer.replace(":", "/"))
    execFileSync("mv", [blob, join(home.root, "elsewhere")])
    await symlink(join(home.root, "elsewhere"), blob)
    await using oci = await open()
    expect((await oci.pull(`oci:${path}:1`)).digest).toBe(made.digest)
    await using again = await open()
    execFileSync("rm", [blob])
    execFileSync("mkfifo", [blob])
    expect(await reasonOf(again.pull(`oci:${path}:1`))).toMatchObject({ _tag: "InvalidSource" })
  })

  test("that is not there, or is not a layout, is an error that says so", async () => {
    await using home = await temporaryRoot()
    await using oci = await open()
    const nowhere = join(home.root, "nowhere")
    expect(await reasonOf(oci.pull(`oci:${nowhere}`))).toMatchObject({
      _tag: "InvalidSource",
      problem: expect.stringContaining("ENOENT")
    })
    await writeFile(nowhere, "no archive at all, but long enough to be read as one".repeat(30))
    expect(await reasonOf(oci.pull(`oci:${nowhere}`))).toMatchObject({ _tag: "InvalidSource" })
    await mkdir(join(home.root, "empty"))
    expect(await reasonOf(oci.pull(`oci:${join(home.root, "empty")}`))).toMatchObject({ _tag: "InvalidSource" })
  })
})

describe("what docker save writes", () => {
  test("gives the same trees, though the layers there are not compressed", async () => {
    await using home = await temporaryRoot()
    const path = await writeArchive(join(home.root, "saved.tar"), await savedOf([[["app:1"], made]]))
    await using oci = await open()
    const pulled = await oci.pull(`docker-archive:${path}`)
    expect(await treesOf(pulled.layers)).toEqual(expected.trees)
    expect(pulled.layers.map(({ digest, diffId }) => digest === diffId)).toEqual([true, true, true])
    expect(pulled.configDigest).toBe(app.config.digest)
    for (const name of ["app:1", "docker.io/library/app:1", `@${pulled.digest}`, `@${pulled.configDigest}`])
      expect((await oci.pull(`docker-archive:${path}:${name}`)).digest, name).toBe(pulled.digest)
  })

  test("chooses by name, and refuses to guess", async () => {
    await using home = await temporaryRoot()
    const files = await savedOf([
      [["app:1"], made],
      [["ghcr.io/org/other:2", "other:3"], other]
    ])
    const path = await writeArchive(join(home.root, "saved.tar"), files)
    await using oci = await open()
    const pulled = await oci.pull(`docker-archive:${path}:ghcr.io/org/other:2`)
    expect(pulled.configDigest).toBe(other.manifests[0]?.config.digest)
    expect(await reasonOf(oci.pull(`docker-archive:${path}`))).toMatchObject({ _tag: "InvalidSource" })
    expect(await reasonOf(oci.pull(`docker-archive:${path}:app:2`))).toMatchObject({ _tag: "ManifestNotFound" })
  })

  test("in the form of Docker 25 is read as the layout that it is", async () => {
    await using home = await temporaryRoot()
    const name = { ...tagged("1"), "io.containerd.image.name": "docker.io/library/app:1" }
    const files = new Map([...(await savedOf([[["app:1"], other]])), ...layoutOf([[name, made]])])
    const path = await writeArchive(join(home.root, "saved.tar"), files)
    await using oci = await open()
    expect((await oci.pull(`docker-archive:${path}:app:1`)).digest).toBe(made.digest)
  })

  test("finds layers by links, and compressed ones by their own digest", async () => {
    await using home = await temporaryRoot()
    const files = await savedOf([[["app:1"], made]])
    const [first] = app.layers
    const blob = await collect(made.blobs.get(first?.digest ?? "") ?? contentOfBytes(Buffer.alloc(0)))
    const archive = tar()
    const [manifest] = JSON.parse(Buffer.from((files.get("manifest.json") as Uint8Array) ?? []).toString())
    for (const [path, content] of files) {
      if (path === manifest.Layers[0]) archive.file(path, blob)
      else if (path === manifest.Layers[1]) archive.file("real.tar", content).symlink(path, "../real.tar")
      else if (path === manifest.Layers[2]) archive.file("third.tar", content).hardLink(path, "third.tar")
      else archive.file(path, content)
    }
    const path = join(home.root, "saved.tar")
    await writeFile(path, archive.ended().bytes())
    await using oci = await open()
    const pulled = await oci.pull(`docker-archive:${path}`)
    expect(await treesOf(pulled.layers)).toEqual(expected.trees)
    expect(pulled.layers[0]?.digest).toBe(first?.digest)
  })

  test("with a layer that is not what the config says is refused by its digest", async () => {
    await using home = await temporaryRoot()
    const files = await savedOf([[["app:1"], made]])
    const [name = ""] = [...files.keys()].filter((path) => path.endsWith("layer.tar"))
    files.set(name, tar().file("etc/passwd", "root::0:0").ended().bytes())
    const path = await writeArchive(join(home.root, "saved.tar"), files)
    await using oci = await open()
    expect(await reasonOf(oci.pull(`docker-archive:${path}`))).toMatchObject({
      _tag: "DigestMismatch",
      subject: "blob"
    })
    expect(await oci.images()).toEqual([])
  })
})

/** Bytes that this process, its threads among it, has read of whatever. */
const bytesRead = () => Number(/^rchar: (\d+)/.exec(readFileSync("/proc/self/io", "utf8"))?.[1])

describe.runIf(process.platform === "linux")("a layer that an archive names a thousand times", () => {
  const blob = gzipSync(randomBytes(2 ** 20), { level: 0 })
  const archive = gzipSync(
    tar()
      .file("f", randomBytes(2 ** 20))
      .ended()
      .bytes()
  )
  const naming = async (home: string, names: ReadonlyArray<string>, diffId: string, images = 1) => {
    const config = Buffer.from(JSON.stringify({ rootfs: { type: "layers", diff_ids: names.map(() => diffId) } }))
    const saved = Array.from({ length: images }, (_, i) => ({
      Config: "config.json",
      RepoTags: [`app:${i}`],
      Layers: names
    }))
    const made = tar().file("layer.tar", archive).file("config.json", config)
    for (const name of new Set(names)) if (name !== "layer.tar") made.hardLink(name, "layer.tar")
    const path = join(home, "saved.tar")
    await writeFile(path, made.file("manifest.json", JSON.stringify(saved)).ended().bytes())
    return `docker-archive:${path}`
  }
  const diffId = `sha256:${createHash("sha256").update(gunzipSync(archive)).digest("hex")}`
  const thousand = Array.from({ length: 1000 }, () => "layer.tar")

  test.for([
    ["by its name", thousand],
    ["by a thousand names", thousand.map((_, i) => `${i}.tar`)]
  ] as const)("is read once to be hashed, and once to be extracted: %s", async ([, names]) => {
    for (const layout of ["layers", "rootfs"] as const) {
      await using home = await temporaryRoot()
      await using oci = await open({ layout, limits: { layers: 1000 } })
      await oci.images()
      const reference = await naming(home.root, names, diffId)
      const before = bytesRead()
      const { layers } = await oci.pull(`${reference}:app:0`)
      expect(bytesRead() - before).toBeLessThan(20 * blob.length)
      expect(new Set(layers.map(({ digest }) => digest)).size).toBe(1)
    }
  })

  test("of a hundred images among which one is looked for, too", async () => {
    await using home = await temporaryRoot()
    await using oci = await open()
    const reference = await naming(home.root, thousand.slice(0, 100), diffId, 100)
    const before = bytesRead()
    const reason = await reasonOf(oci.pull(`${reference}:@sha256:${"0".repeat(64)}`))
    expect(reason).toMatchObject({ _tag: "ManifestNotFound" })
    expect(bytesRead() - before).toBeLessThan(20 * blob.length)
  })

  test("and once more is more than an image may have", async () => {
    await using home = await temporaryRoot()
    await using oci = await open({ limits: { layers: 1000 } })
    const reference = await naming(home.root, [...thousand, "layer.tar"], diffId)
    expect(await reasonOf(oci.pull(`${reference}:app:0`))).toMatchObject({ _tag: "LimitExceeded", limit: "layers" })
  })
})

describe.runIf(process.platform === "linux")("a pipe", () => {
  const pipe = (home: string) => {
    const path = join(home, "pipe")
    execFileSync("mkfifo", [path])
    return path
  }

  test.for(["oci", "docker-archive"])(
    "without a writer is waited for, and left at once by an abort: %s",
    async (form) => {
      await using home = await temporaryRoot()
      await using oci = await open()
      // More than there are threads for such calls: each would have one.
      for (let i = 0; i < 6; i++) {
        const controller = new AbortController()
        const pulling = oci.pull(`${form}:${i === 0 ? pipe(home.root) : join(home.root, "pipe")}`, {
          signal: controller.signal
        })
        setTimeout(() => controller.abort(new Error("enough")), 20)
        await expect(pulling).rejects.toThrow("enough")
      }
      // A thread is free.
      expect(await readFile("/proc/self/comm", "utf8")).not.toBe("")
    }
  )

  test("is read when its writer comes, be it late", async () => {
    await using home = await temporaryRoot()
    await using oci = await open()
    const path = pipe(home.root)
    const bytes = await collect(archiveOf(layoutOf([[tagged("1"), made]])))
    const pulling = oci.pull(`oci:${path}:1`)
    await new Promise((resolve) => setTimeout(resolve, 50))
    const writer = spawn("sh", ["-c", `cat > "${path}"`], { stdio: ["pipe", "ignore", "ignore"] })
    writer.stdin.end(bytes)
    expect((await pulling).digest).toBe(made.digest)
  })

  test("that takes the place of an archive is none", async () => {
    await using home = await temporaryRoot()
    const path = pipe(home.root)
    const failure = await openArchiveFile(path).catch((error: Error) => error.message)
    expect(failure).toBe("it is not a regular file")
  })
})

describe("the names within an archive", () => {
  const hostile: Readonly<Record<string, (archive: ReturnType<typeof tar>, files: Files) => unknown>> = {
    "two of the same": (it) => it.file("manifest.json", "[]"),
    "links in a circle": (it) => it.symlink("a", "b").symlink("b", "a"),
    "a path that climbs": (it) => it.file("../../../../tmp/ociflow-climbed", "x"),
    "an absolute path": (it) => it.file("/tmp/ociflow-climbed", "x"),
    "a link out": (it) => it.symlink("out", "/etc").file("out/ociflow-climbed", "x")
  }
  test.for(Object.entries(hostile))("%s: are looked up and never written", async ([name, add]) => {
    await using home = await temporaryRoot()
    const files = await savedOf([[["app:1"], made]])
    const archive = tar()
    for (const [path, content] of files) archive.file(path, content)
    add(archive, files)
    const path = join(home.root, "saved.tar")
    await writeFile(path, archive.ended().bytes())
    await using oci = await open()
    const pulling = oci.pull(`docker-archive:${path}`)
    if (name === "two of the same")
      expect(await reasonOf(pulling)).toMatchObject({
        _tag: "InvalidSource",
        problem: "manifest.json: the archive has it twice"
      })
    else await pulling
    for (const place of ["/tmp/ociflow-climbed", "/etc/ociflow-climbed"])
      await expect(readFile(place)).rejects.toMatchObject({ code: "ENOENT" })
  })

  test("that a manifest asks for stay within the archive", async () => {
    await using home = await temporaryRoot()
    const secret = join(home.root, "secret.json")
    await writeFile(secret, JSON.stringify({ rootfs: { diff_ids: [] } }))
    const manifest = [{ Config: `../../../../../../..${secret}`, RepoTags: null, Layers: [] }]
    const path = join(home.root, "saved.tar")
    await writeFile(path, tar().file("manifest.json", JSON.stringify(manifest)).ended().bytes())
    await using oci = await open()
    expect(await reasonOf(oci.pull(`docker-archive:${path}`))).toMatchObject({ _tag: "InvalidSource" })
    const directory = await writeFiles(
      join(home.root, "d"),
      new Map([["manifest.json", Buffer.from(JSON.stringify(manifest))]])
    )
    expect(await reasonOf(oci.pull(`docker-archive:${directory}`))).toMatchObject({ _tag: "InvalidSource" })
  })
})

describe("the name of an image from a file", () => {
  test("is never the one within: a registry's image is not replaced", async () => {
    await using home = await temporaryRoot()
    await using registry = await startRegistry({ images: { "app:1": made } })
    const name = registry.reference("app:1")
    const path = await writeArchive(join(home.root, "saved.tar"), await savedOf([[[name], other]]))
    await using oci = await open()
    await oci.pull(`docker-archive:${path}:${name}`)
    expect((await oci.images()).map(({ reference }) => reference)).toEqual([`docker-archive:${path}:${name}`])
    expect((await oci.pull(name)).digest).toBe(made.digest)
  })

  test("is the one that was given, and then a pull is served by it without the network", async () => {
    await using home = await temporaryRoot()
    const path = await writeArchive(join(home.root, "saved.tar"), await savedOf([[["x:1"], made]]))
    await using oci = await open()
    const loaded = await oci.pull(`docker-archive:${path}`, { name: "registry.invalid/app:1" })
    expect(loaded.reference).toBe("registry.invalid/app:1")
    expect((await oci.pull("registry.invalid/app:1")).digest).toBe(loaded.digest)
    expect(await reasonOf(oci.pull("registry.invalid/app:1", { name: "b" }))).toMatchObject({ _tag: "InvalidOption" })
  })

  test("with a digest is for the image of that digest alone", async () => {
    await using home = await temporaryRoot()
    const layout = await writeFiles(join(home.root, "layout"), layoutOf([[tagged("1"), made]]))
    await using oci = await open()
    for (const name of [`registry.invalid/app@${other.digest}`, `registry.invalid/app:1@${other.digest}`]) {
      const reason = await reasonOf(oci.pull(`oci:${layout}`, { name }))
      expect(reason).toMatchObject({ _tag: "InvalidOption", option: "name" })
      expect(reason.message).toContain(made.digest)
    }
    expect(await oci.images()).toEqual([])
    const name = `registry.invalid/app@${made.digest}`
    expect((await oci.pull(`oci:${layout}`, { name })).reference).toBe(name)
  })

  test("serves remove and repair", async () => {
    await using home = await temporaryRoot()
    const path = await writeFiles(join(home.root, "layout"), layoutOf([[tagged("1"), made]]))
    await using oci = await open()
    const [first] = (await oci.pull(`oci:${path}:1`)).layers
    execFileSync("rm", ["-r", first?.path ?? ""])
    expect((await oci.verify({ repair: true })).repaired).toHaveLength(1)
    expect((await oci.images()).map(({ reference }) => reference)).toEqual([`oci:${path}:1`])
    expect((await oci.remove(`oci:${path}:1`)).images).toEqual([`oci:${path}:1`])
    expect(await oci.images()).toEqual([])
  })
})

describe("a stream", () => {
  const streams: Readonly<Record<string, (bytes: Buffer) => AsyncIterable<Uint8Array>>> = {
    "one byte, then the rest": (bytes) => Readable.from([bytes.subarray(0, 1), bytes.subarray(1)]),
    "small pieces": (bytes) =>
      Readable.from(
        Array.from({ length: Math.ceil(bytes.length / 700) }, (_, at) => bytes.subarray(at * 700, at * 700 + 700))
      ),
    gzip: (bytes) => Readable.from([gzipSync(bytes)])
  }
  test.for(Object.entries(streams))("is read once, and its image is called by its digest: %s", async ([, streamOf]) => {
    const bytes = await collect(archiveOf(layoutOf([[tagged("1"), made]])))
    await using oci = await open()
    const pulled = await oci.pull("oci:-", { input: streamOf(bytes) })
    expect(pulled).toMatchObject({ reference: `oci:-:@${made.digest}`, digest: made.digest })
    expect(await treesOf(pulled.layers)).toEqual(expected.trees)
    expect((await oci.pull(pulled.reference, { policy: "never" })).digest).toBe(made.digest)
    expect(await readdir(join(oci.root, "layers", ".staging"), { recursive: true })).not.toContainEqual(
      expect.stringContaining("archive.tar")
    )
  })

  test("by `-` alone may be either form", async () => {
    await using oci = await open()
    const saved = await collect(archiveOf(await savedOf([[["app:1"], made]])))
    const layout = await collect(archiveOf(layoutOf([[tagged("1"), made]])))
    const configs = await Promise.all(
      [saved, layout].map(async (bytes) => (await oci.pull("-", { input: Readable.from([bytes]) })).configDigest)
    )
    expect(configs).toEqual([app.config.digest, app.config.digest])
  })

  test("that never ends is ended by an abort, and leaves nothing", async () => {
    await using oci = await open()
    let begin = () => {}
    const begun = new Promise<void>((resolve) => {
      begin = resolve
    })
    const chunks = [Buffer.alloc(64)]
    const endless: Readable = new Readable({
      read: () => {
        const chunk = chunks.pop()
        if (chunk === undefined) begin()
        else endless.push(chunk)
      }
    })
    const controller = new AbortController()
    const pulling = oci.pull("oci:-", { input: endless, signal: controller.signal })
    await begun
    controller.abort(new Error("enough"))
    await expect(pulling).rejects.toThrow("enough")
    expect(endless.destroyed).toBe(true)
    const left = await readdir(join(oci.root, "layers", ".staging"), { recursive: true }).catch(() => [])
    expect(left.filter((name) => name.includes("archive.tar"))).toEqual([])
  })

  const never = () => new Promise<never>(() => undefined)
  const silent: Readonly<Record<string, () => AsyncIterable<Uint8Array>>> = {
    "a generator that waits before its first chunk": async function* () {
      yield await never()
    },
    "a generator that waits after its first chunk": async function* () {
      yield Buffer.alloc(512)
      yield await never()
    },
    "an iterator whose end waits, too": () => ({ [Symbol.asyncIterator]: () => ({ next: never, return: never }) }),
    "a stream whose end waits, too": () => new Readable({ read: () => undefined, destroy: () => undefined })
  }
  test.for(Object.entries(silent))("is left alone where it waits: %s", async ([, input]) => {
    await using oci = await open({ timeouts: { total: 300 } })
    expect(await reasonOf(oci.pull("oci:-", { input: input() }))).toMatchObject({ _tag: "DeadlineExceeded" })
    await using other = await open()
    const pulling = oci.pull("oci:-", { input: input(), signal: AbortSignal.timeout(50) })
    await expect(pulling).rejects.toMatchObject({ name: "TimeoutError" })
    const closed = other.pull("oci:-", { input: input() }).catch((error) => error.name)
    await other.close()
    expect(await closed).toBe("AbortError")
  })

  test("that is a bomb ends at the limit", async () => {
    await using oci = await open({ limits: { layerBytes: 2 ** 20 } })
    const input = Readable.from([gzipSync(Buffer.alloc(4 * 2 ** 20))])
    expect(await reasonOf(oci.pull("oci:-", { input }))).toMatchObject({ _tag: "LimitExceeded", limit: "layerBytes" })
  })

  test.for([
    ["nothing", Buffer.alloc(0)],
    ["noise", Buffer.alloc(5000, 7)],
    ["half an archive", tar().file("index.json", "x".repeat(5000)).bytes().subarray(0, 2000)],
    ["zstd", Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0])]
  ] as const)("of %s is an error that says so", async ([, bytes]) => {
    await using oci = await open()
    const input = Readable.from([bytes])
    expect(await reasonOf(oci.pull("docker-archive:-", { input }))).toMatchObject({ _tag: "InvalidSource" })
  })
})

test("entries come from files too", async () => {
  await using home = await temporaryRoot()
  const files = await savedOf([[["app:1"], await image({ layers: [{ files: { "etc/motd": "hello" } }] })]])
  const path = await writeArchive(join(home.root, "saved.tar"), files)
  await using oci = await open()
  const seen: Array<string> = []
  await oci.entries$(`docker-archive:${path}`).forEach((entry) => void seen.push(entry.path))
  expect(seen).toContain("etc/motd")
})

test("the layout `rootfs` merges what comes from a file", async () => {
  await using home = await temporaryRoot()
  const path = await writeFiles(join(home.root, "layout"), layoutOf([[tagged("1"), made]]))
  await using oci = await open({ layout: "rootfs" })
  const pulled = await oci.pull(`oci:${path}:1`)
  expect(pulled.rootfs).toBeDefined()
  expect(await readdir(join(oci.root, "partial")).catch(() => [])).toEqual([])
})

test.runIf(process.platform === "linux").each(["directory", "tar", "stream"])(
  "a pull from a %s that is cancelled in the middle leaves no file open, and goes on later",
  async (form) => {
    await using home = await temporaryRoot()
    const large = await image({ compression: "none", layers: [{ files: { big: randomBytes(30 * 2 ** 20) } }] })
    const files = layoutOf([[tagged("1"), large]])
    const path = join(home.root, "layout")
    await (form === "directory" ? writeFiles(path, files) : writeArchive(path, files))
    await using oci = await open()
    await oci.images()
    const reference = form === "stream" ? "oci:-" : `oci:${path}`
    const input = () => (form === "stream" ? { input: createReadStream(path) } : {})
    const held = async () => {
      const fds = await readdir("/proc/self/fd")
      const paths = await Promise.all(fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")))
      return paths.filter((it) => it.startsWith(home.root) || it.includes("archive.tar"))
    }
    const controller = new AbortController()
    let seen: ReadonlyArray<string> = []
    const pulling = oci.pull(reference, {
      ...input(),
      signal: controller.signal,
      onEvent: async (event) => {
        if (event._tag !== "LayerProgress" || controller.signal.aborted) return
        seen = await held()
        controller.abort(new Error("enough"))
      }
    })
    await expect(pulling).rejects.toThrow("enough")
    expect(seen.length).toBeGreaterThan(0)
    expect(await held()).toEqual([])
    expect(await oci.layers()).toEqual([])
    expect((await oci.pull(reference, input())).digest).toBe(large.digest)
    expect(await held()).toEqual([])
  }
)
