/** Artifacts: what they are, where their files are written, and what comes of the titles, sizes and cuts of strangers. */
import { createHash } from "node:crypto"
import { lstat, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { describe, expect, test } from "vitest"
import { fault, image, mediaTypes, Prng, startRegistry, tar } from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"
import { reasonOf } from "../../support/rejection.ts"
import { addArtifact, emptyType, type TestFile } from "./artifacts.ts"

const text = (words: string) => Buffer.from(words)
const sha256 = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`
const noise = new Prng(3).bytes(500_000)

/** Node 26 follows links where it lists a directory with all beneath it. */
const filesIn = async (directory: string, beneath = ""): Promise<Readonly<Record<string, string>>> => {
  const found: Record<string, string> = {}
  for (const entry of await readdir(join(directory, beneath), { withFileTypes: true })) {
    const path = join(beneath, entry.name)
    if (entry.isDirectory()) Object.assign(found, await filesIn(directory, path))
    else found[path] = entry.isFile() ? await readFile(join(directory, path), "latin1") : "(no file)"
  }
  return found
}

/** An artifact with these files, pulled into a directory of its own. */
const pulled = async (files: ReadonlyArray<TestFile>) => {
  const registry = await startRegistry()
  const oci = await open()
  addArtifact(registry, "app:1", files, { artifactType: "a/b" })
  const into = join(oci.root, "into")
  return {
    registry,
    oci,
    into,
    pull: (options = {}) => oci.artifact(registry.reference("app:1"), { into, ...options }),
    async [Symbol.asyncDispose]() {
      await oci[Symbol.asyncDispose]()
      await registry.close()
    }
  }
}

test("a chart is its manifest, its type, its annotations and its files", async () => {
  await using registry = await startRegistry()
  await using oci = await open()
  const chart = gzipSync(text("chart"))
  const config = { mediaType: "application/vnd.cncf.helm.config.v1+json", bytes: text('{"name":"app"}') }
  const type = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
  const { digest } = addArtifact(registry, "app:1", [{ bytes: chart, mediaType: type }], {
    config,
    annotations: { "org.opencontainers.image.version": "1" }
  })
  const into = join(oci.root, "into")
  const found = await oci.artifact(registry.reference("app:1"), { into })
  const name = sha256(chart).replace(":", "-")
  expect(found).toMatchObject({
    reference: registry.reference("app:1"),
    digest,
    artifactType: config.mediaType,
    annotations: { "org.opencontainers.image.version": "1" },
    config: { mediaType: config.mediaType, digest: sha256(config.bytes), size: config.bytes.length },
    manifest: { digest, mediaType: mediaTypes.oci.manifest },
    files: [
      { name, path: join(into, name), digest: sha256(chart), mediaType: type, size: chart.length, unpacked: false }
    ]
  })
  expect(sha256(text(found.manifest.text))).toBe(digest)
  expect(await readFile(join(into, name))).toEqual(chart)
  expect(await readdir(into)).toEqual([name])
  const [inMemory] = (await oci.artifact(registry.reference("app:1"))).files
  expect(inMemory).toMatchObject({ name, size: chart.length })
  expect(Buffer.from(inMemory?.bytes ?? []).equals(chart)).toBe(true)
})

describe("a title", () => {
  test.each([
    ["x.txt", "x.txt"],
    ["a/b/c", "a/b/c"],
    ["../../x", "x"],
    ["a/../../b", "b"],
    ["/etc/passwd", "etc/passwd"],
    ["./a//b/", "a/b"],
    ["", sha256(text("1")).replace(":", "-")],
    ["ü\n", "ü\n"],
    [`${"n".repeat(255)}`, "n".repeat(255)]
  ])("%j is written as %j", async (title, path) => {
    await using it = await pulled([{ bytes: text("1"), title }])
    expect((await it.pull()).files).toMatchObject([{ name: path, path: join(it.into, path) }])
    expect(await filesIn(it.into)).toEqual({ [path]: "1" })
  })

  test.each([
    ["..", "UnsafeEntry"],
    ["/", "UnsafeEntry"],
    [".", "UnsafeEntry"],
    ["a\0b", "UnsafeEntry"],
    ["n".repeat(300), "UnsafeEntry"],
    ["ü".repeat(128), "UnsafeEntry"],
    ["a/".repeat(3000), "LimitExceeded"],
    ["a/".repeat(300), "LimitExceeded"]
  ])("%j is an %s, before anything is downloaded or written", async (title, tag) => {
    await using it = await pulled([
      { bytes: text("1"), title },
      { bytes: text("2"), title: "good" }
    ])
    const reason = await reasonOf(it.pull())
    expect(reason).toMatchObject({ _tag: tag })
    expect(`${reason.message} ${reason.advice}`).toMatch(/^file sha256:/)
    expect(`${reason.message} ${reason.advice}`).not.toMatch(/layer|image|entry/)
    expect(it.registry.log.count({ kind: "blob" })).toBe(0)
    expect(await readdir(it.oci.root)).toEqual([])
  })

  test.each([
    ["x", "x"],
    ["x", "./a/../x"],
    ["a", "a/b"],
    ["a/b/c", "a/b"]
  ])("%j beside %j is an InvalidManifest", async (one, other) => {
    await using it = await pulled([
      { bytes: text("1"), title: one },
      { bytes: text("2"), title: other }
    ])
    expect(await reasonOf(it.pull())).toMatchObject({ _tag: "InvalidManifest" })
    expect(await readdir(it.oci.root)).toEqual([])
  })

  test.each([
    ["a", "a/b"],
    ["a", "a/b/c"],
    ["a/b", "a/b/c"]
  ])("%j beside %j is an InvalidManifest among names that sort between them", async (one, other) => {
    await using it = await pulled(
      [other, "a-", "a.x", "a/b-", "a0", one, "z"].map((title) => ({ bytes: text(title), title }))
    )
    expect(await reasonOf(it.pull())).toMatchObject({ _tag: "InvalidManifest" })
  })

  test("that is twice there of the same content is one file", async () => {
    await using it = await pulled([
      { bytes: text("1"), title: "x" },
      { bytes: text("1"), title: "x" }
    ])
    expect((await it.pull()).files).toHaveLength(1)
  })

  test.skipIf(process.platform === "win32")("is not written through a link that stands in its way", async () => {
    await using it = await pulled([{ bytes: text("1"), title: "a/b" }])
    const outside = join(it.oci.root, "outside")
    await mkdir(outside)
    await mkdir(it.into)
    await symlink(outside, join(it.into, "a"))
    expect(await reasonOf(it.pull())).toMatchObject({ _tag: "FileSystemFailed", code: "ENOTDIR" })
    expect(await readdir(outside)).toEqual([])
    expect(await readdir(it.into)).toEqual(["a"])
  })

  test.skipIf(process.platform === "win32")("replaces a link of its name, and not what that leads to", async () => {
    await using it = await pulled([{ bytes: text("1"), title: "b" }])
    await mkdir(it.into)
    await writeFile(join(it.oci.root, "mine"), "mine")
    await symlink(join(it.oci.root, "mine"), join(it.into, "b"))
    await it.pull()
    expect((await lstat(join(it.into, "b"))).isFile()).toBe(true)
    expect(await readFile(join(it.oci.root, "mine"), "utf8")).toBe("mine")
  })
})

describe("files", () => {
  test("of wrong bytes are not published, and neither are those beside them", async () => {
    await using it = await pulled([
      { bytes: noise, title: "x" },
      { bytes: text("2"), title: "y" }
    ])
    it.registry.fault({ kind: "blob", reference: sha256(noise) }, fault.otherByte(77))
    expect(await reasonOf(it.pull())).toMatchObject({ _tag: "DigestMismatch", subject: "blob" })
    expect(await readdir(it.oci.root)).not.toContain("into")
    it.registry.clearFaults()
    await it.pull()
    expect(Object.keys(await filesIn(it.into)).sort()).toEqual(["x", "y"])
  })

  test("that were cut are continued, within a call and by the next one", async () => {
    await using it = await pulled([{ bytes: noise, title: "x" }])
    it.registry.fault({ kind: "blob", times: 1 }, fault.cut(200_000))
    await it.pull()
    expect(sha256(await readFile(join(it.into, "x")))).toBe(sha256(noise))
    expect(it.registry.log.ranges(sha256(noise)).some(([start]) => start > 0)).toBe(true)

    await using other = await pulled([{ bytes: noise, title: "x" }])
    other.registry.fault({ kind: "blob" }, fault.cut(200_000))
    other.registry.fault({ kind: "blob", nth: 2 }, fault.status(404))
    await reasonOf(other.pull())
    other.registry.clearFaults()
    other.registry.log.clear()
    await other.pull()
    expect(other.registry.log.ranges(sha256(noise))[0]?.[0]).toBeGreaterThan(0)
    expect(sha256(await readFile(join(other.into, "x")))).toBe(sha256(noise))
  })

  test("that are there already are not downloaded again; one that was changed is", async () => {
    await using it = await pulled([
      { bytes: noise, title: "x" },
      { bytes: text("2"), title: "y" }
    ])
    await it.pull()
    await writeFile(join(it.into, "y"), "3")
    it.registry.log.clear()
    await it.pull()
    expect(it.registry.log.where({ kind: "blob" }).map(({ reference }) => reference)).toEqual([sha256(text("2"))])
    expect(await readFile(join(it.into, "y"), "utf8")).toBe("2")
  })

  test("that are there by a link to another directory count as missing, and the link is not entered", async () => {
    await using it = await pulled([{ bytes: text("1"), title: "d/e/f" }])
    for (const linked of ["d", "d/e"]) {
      const into = join(it.oci.root, linked === "d" ? "one" : "two")
      const aim = join(it.oci.root, `${linked.length} aim`)
      await mkdir(join(aim, "e"), { recursive: true })
      await mkdir(join(into, linked, ".."), { recursive: true })
      await writeFile(join(aim, linked === "d" ? "e/f" : "f"), "1")
      await symlink(aim, join(into, linked))
      expect(await reasonOf(it.pull({ into }))).toMatchObject({ _tag: "FileSystemFailed", code: "ENOTDIR" })
    }
  })

  test("that several calls want at once, into one directory or two, are downloaded once", async () => {
    await using it = await pulled([{ bytes: noise, title: "x" }])
    it.registry.fault({ kind: "blob" }, fault.slow({ latency: 300 }))
    const other = join(it.oci.root, "other")
    await Promise.all([it.pull(), it.pull(), it.pull({ into: other })])
    expect(it.registry.log.count({ kind: "blob" })).toBe(1)
    expect(sha256(await readFile(join(it.into, "x")))).toBe(sha256(noise))
    expect(sha256(await readFile(join(other, "x")))).toBe(sha256(noise))
    expect(await readdir(join(it.oci.root, "partial"))).toEqual([])
  })

  test("of a call that is cancelled are not there, and no socket stays open", async () => {
    await using it = await pulled([{ bytes: noise, title: "x" }])
    it.registry.fault({ kind: "blob" }, fault.stall(100_000))
    const controller = new AbortController()
    const pulling = it.pull({ signal: controller.signal }).catch((error: unknown) => error)
    await expect.poll(() => it.registry.log.where({ kind: "blob" })[0]?.sent ?? 0).toBeGreaterThan(0)
    controller.abort("enough")
    expect(await pulling).toBe("enough")
    expect(await readdir(it.oci.root)).not.toContain("into")
    await expect.poll(() => it.registry.log.open).toBe(0)
  })

  test("in the descriptor itself are used, and proven", async () => {
    const data = (bytes: Uint8Array) => ({ data: Buffer.from(bytes).toString("base64") })
    await using it = await pulled([{ bytes: text("inline"), title: "x", descriptor: data(text("inline")) }])
    await it.pull()
    expect(await readFile(join(it.into, "x"), "utf8")).toBe("inline")
    expect((await it.oci.artifact(it.registry.reference("app:1"))).files[0]?.bytes).toEqual(text("inline"))
    expect(it.registry.log.count({ kind: "blob" })).toBe(0)
    for (const [wrong, tag] of [
      [text("outline"), "SizeMismatch"],
      [text("inlinE"), "DigestMismatch"]
    ] as const) {
      await using bad = await pulled([{ bytes: text("inline"), title: "x", descriptor: data(wrong) }])
      expect(await reasonOf(bad.pull())).toMatchObject({ _tag: tag })
    }
  })

  test("of the accepted types alone are downloaded; where there are none, the error says which there are", async () => {
    await using it = await pulled([
      { bytes: text("1"), title: "x", mediaType: "a/one" },
      { bytes: text("2"), title: "y", mediaType: "a/two" }
    ])
    expect((await it.pull({ accept: ["a/two", "a/three"] })).files).toMatchObject([{ name: "y" }])
    expect(await reasonOf(it.pull({ accept: ["a/three"] }))).toMatchObject({
      _tag: "ArtifactMismatch",
      found: ["a/one", "a/two"]
    })
  })

  test("in memory have a limit together: it is allowed, and a byte more is not", async () => {
    await using it = await pulled([
      { bytes: text("123"), title: "x" },
      { bytes: text("4567"), title: "y" }
    ])
    const name = it.registry.reference("app:1")
    await using exact = await open({ limits: { artifactBytes: 7 } })
    expect((await exact.artifact(name)).files.map(({ bytes }) => bytes.length)).toEqual([3, 4])
    await using less = await open({ limits: { artifactBytes: 6 } })
    expect(await reasonOf(less.artifact(name))).toMatchObject({ _tag: "LimitExceeded", limit: "artifactBytes" })
  })

  test("of an artifact without content are none", async () => {
    await using it = await pulled([{ bytes: text("{}"), mediaType: emptyType }])
    expect((await it.pull()).files).toEqual([])
    expect(await readdir(it.into)).toEqual([])
  })

  test("that fail leave a directory that was there, empty or not", async () => {
    await using it = await pulled([{ bytes: noise, title: "x" }])
    it.registry.fault({ kind: "blob" }, fault.otherByte(77))
    await mkdir(it.into)
    expect(await reasonOf(it.pull())).toMatchObject({ _tag: "DigestMismatch" })
    expect(await readdir(it.into)).toEqual([])
    await writeFile(join(it.into, "mine"), "mine")
    expect(await reasonOf(it.pull())).toMatchObject({ _tag: "DigestMismatch" })
    expect(await readdir(it.into)).toEqual(["mine"])
  })

  test("of an image are its layers, named by their digests", async () => {
    const app = await image()
    await using registry = await startRegistry({ images: { "app:1": app } })
    await using oci = await open()
    const [layer] = app.manifests[0]?.layers ?? []
    expect((await oci.artifact(registry.reference("app:1"))).files).toMatchObject([
      { name: layer?.digest.replace(":", "-"), size: layer?.size }
    ])
  })
})

describe("archives", () => {
  const archive = Buffer.from(gzipSync(tar().file("srv/a", "A").symlink("srv/l", "/etc/passwd").bytes()))
  const type = "application/vnd.acme.tool.v1.tar+gzip"
  const marked = { "io.deis.oras.content.unpack": "true" }

  test("stay files; they are unpacked where that was asked for", async () => {
    await using it = await pulled([
      { bytes: archive, mediaType: type, title: "x.tgz" },
      { bytes: text("1"), title: "y" }
    ])
    expect((await it.pull()).files).toMatchObject([{ unpacked: false }, { unpacked: false }])
    expect(Object.keys(await filesIn(it.into)).sort()).toEqual(["x.tgz", "y"])
    const into = join(it.oci.root, "unpacked")
    expect((await it.pull({ into, unpack: true })).files).toMatchObject([
      { path: into, unpacked: true },
      { unpacked: false }
    ])
    expect(await filesIn(into)).toEqual({ "srv/a": "A", "srv/l": "(no file)", y: "1" })
  })

  test("that ORAS has marked are unpacked, unless nothing shall be", async () => {
    await using it = await pulled([
      { bytes: archive, mediaType: "application/vnd.acme", title: "srv", annotations: marked }
    ])
    expect((await it.pull({ unpack: false })).files).toMatchObject([{ unpacked: false }])
    expect(Object.keys(await filesIn(it.into))).toEqual(["srv"])
    const into = join(it.oci.root, "unpacked")
    expect((await it.pull({ into })).files).toMatchObject([{ path: join(into, "srv"), unpacked: true }])
    expect(await filesIn(into)).toEqual({ "srv/a": "A", "srv/l": "(no file)" })
  })

  test("that ORAS has marked, and that hold another path than their title's, are refused", async () => {
    await using it = await pulled([{ bytes: archive, mediaType: type, title: "other", annotations: marked }])
    expect(await reasonOf(it.pull())).toMatchObject({ _tag: "UnsafeEntry" })
    expect(await readdir(it.oci.root)).not.toContain("into")
  })

  test("cannot leave the directory, by names or by links", async () => {
    const bytes = Buffer.from(
      tar().file("../../up", "1").file("/abs", "2").symlink("out", "../../..").file("out/through", "3").bytes()
    )
    await using it = await pulled([{ bytes, mediaType: "application/x-tar", title: "x.tar" }])
    await it.pull({ unpack: true })
    expect(await filesIn(it.into)).toMatchObject({ up: "1", abs: "2" })
    expect((await readdir(it.oci.root)).sort()).not.toContain("through")
    expect(await readdir(join(it.oci.root, ".."))).not.toContain("through")
  })

  describe("that know the name of the directory they are staged in", () => {
    const nameOf = (root: string, into: string) =>
      `.ociflow-${createHash("sha256")
        .update(JSON.stringify([root, into]))
        .digest("hex")
        .slice(0, 16)}`
    type Plant = (staging: string, aim: string) => TestFile
    const planted = (fill: (archive: ReturnType<typeof tar>) => ReturnType<typeof tar>): TestFile => ({
      bytes: fill(tar()).bytes(),
      mediaType: "application/x-tar",
      title: "x.tar"
    })
    const plants: ReadonlyArray<[string, Plant]> = [
      ["a link in it", (staging, aim) => planted((to) => to.symlink(`${staging}/1`, aim))],
      ["a link in its place", (staging, aim) => planted((to) => to.symlink(staging, aim))],
      ["a directory in it", (staging) => planted((to) => to.file(`${staging}/1/y`, "not verified"))],
      ["a file in it", (staging) => ({ bytes: text("not verified"), title: `${staging}/1/y` })]
    ]

    test.each(plants)("are refused with %s: nothing is written, and nothing elsewhere is moved", async (_, plant) => {
      await using registry = await startRegistry()
      await using oci = await open()
      const [into, aim] = [join(oci.root, "into"), join(oci.root, "aim")]
      for (const directory of [into, aim]) await mkdir(directory)
      await writeFile(join(aim, "precious"), "p")
      await writeFile(join(into, "y"), "1")
      addArtifact(registry, "app:1", [plant(nameOf(oci.root, into), aim), { bytes: text("1"), title: "y" }])
      const pulling = oci.artifact(registry.reference("app:1"), { into, unpack: true })
      expect(await reasonOf(pulling)).toMatchObject({ _tag: "UnsafeEntry" })
      expect(await readdir(aim)).toEqual(["precious"])
      expect(await filesIn(into)).toEqual({ y: "1" })
    })
  })

  test("keep names that are no UTF-8, byte for byte", async () => {
    const names = ["\xff\xfe", "d\xe9/\xe9", "d\xe9/\xe8"].map((name) => Buffer.from(name, "latin1"))
    const archive = tar()
    for (const name of names) archive.file(name, "1")
    await using it = await pulled([{ bytes: archive.bytes(), mediaType: "application/x-tar", title: "x.tar" }])
    await it.pull({ unpack: true })
    // Into what the first has made.
    await it.pull({ unpack: true })
    for (const name of names)
      expect(await readFile(Buffer.concat([Buffer.from(`${it.into}/`), name]), "latin1")).toBe("1")
  })

  test("that are broken are a CorruptLayer, and nothing is written", async () => {
    await using it = await pulled([
      { bytes: gzipSync(text("no tar")).subarray(0, 20), mediaType: type, title: "x.tgz" }
    ])
    const reason = await reasonOf(it.pull({ unpack: true }))
    expect(reason).toMatchObject({ _tag: "CorruptLayer", subject: "file" })
    expect(`${reason.message} ${reason.advice}`).not.toMatch(/layer|image/)
    expect(await readdir(it.oci.root)).not.toContain("into")
  })

  test("are not unpacked in memory", async () => {
    await using it = await pulled([{ bytes: archive, mediaType: type }])
    const options: object = { unpack: true }
    expect(await reasonOf(it.oci.artifact(it.registry.reference("app:1"), options))).toMatchObject({
      _tag: "InvalidOption",
      option: "unpack"
    })
  })
})

describe("an index", () => {
  const withBoth = async () => {
    const registry = await startRegistry()
    const sbom = addArtifact(registry, "app", [{ bytes: text("sbom"), title: "sbom" }], { artifactType: "a/sbom" })
    const sign = addArtifact(registry, "app", [{ bytes: text("sign"), title: "sign" }], { artifactType: "a/sign" })
    const entries = [sbom, sign].map(({ digest, size }) => ({
      mediaType: mediaTypes.oci.manifest,
      // Some registries tell the config's type.
      artifactType: emptyType,
      digest,
      size
    }))
    const index = { schemaVersion: 2, mediaType: mediaTypes.oci.index, manifests: entries }
    registry.addDocument("app", text(JSON.stringify(index)), mediaTypes.oci.index, "1")
    return registry
  }

  test("is looked through for the type, which the manifests say", async () => {
    await using registry = await withBoth()
    await using oci = await open()
    const found = await oci.artifact(registry.reference("app:1"), { artifactType: "a/sign" })
    expect(found).toMatchObject({ artifactType: "a/sign", files: [{ name: "sign" }] })
    expect(found.digest).not.toBe(found.manifest.digest)
  })

  test("with several that could be meant, or none, is an ArtifactMismatch that says what there is", async () => {
    await using registry = await withBoth()
    await using oci = await open()
    for (const options of [{}, { artifactType: "a/none" }])
      expect(await reasonOf(oci.artifact(registry.reference("app:1"), options))).toMatchObject({
        _tag: "ArtifactMismatch",
        found: ["a/sbom", "a/sign"]
      })
  })
})

test("SBOMs and signatures are found by referrers, and read by their digests", async () => {
  const app = await image()
  await using registry = await startRegistry({ images: { "app:1": app } })
  const subject = { digest: app.digest, size: app.size }
  const type = "application/spdx+json"
  const { digest } = addArtifact(registry, "app", [{ bytes: text("{}\n"), mediaType: type }], {
    artifactType: type,
    subject
  })
  await using oci = await open()
  const [found] = await oci.referrers(registry.reference("app:1"), { artifactType: type })
  expect(found?.digest).toBe(digest)
  const { files } = await oci.artifact(`${registry.reference("app")}@${found?.digest}`, { artifactType: type })
  expect(files).toMatchObject([{ mediaType: type, size: 3 }])
})

test("a pull of an artifact says what it is, and what reads it", async () => {
  await using registry = await startRegistry()
  const config = { mediaType: "application/vnd.cncf.helm.config.v1+json", bytes: text("{}") }
  const { digest } = addArtifact(registry, "app:chart", [{ bytes: text("1") }], { config })
  addArtifact(registry, "app:files", [{ bytes: text("1") }], { artifactType: "application/vnd.acme" })
  addArtifact(registry, "app:empty", [{ bytes: text("1") }])
  await using oci = await open()
  for (const [tag, artifactType] of [
    ["chart", config.mediaType],
    ["files", "application/vnd.acme"],
    ["empty", emptyType]
  ] as const) {
    const reason = await reasonOf(oci.pull(registry.reference(`app:${tag}`)))
    expect(reason).toMatchObject({ _tag: "NotAnImage", artifactType })
    expect(reason.advice).toContain("artifact")
  }
  const error = await reasonOf(oci.pull(registry.reference("app:chart")))
  expect(error.message).toBe(`${digest} is an artifact of type ${config.mediaType}, not an image`)
})
