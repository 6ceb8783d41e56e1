/** Odd archives, each pulled from a file and through a pipe: see the table. */
import { readFileSync } from "node:fs"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Readable } from "node:stream"
import { describe, expect, test } from "vitest"
import { PullError } from "../../src/api/errors.ts"
import { collect } from "../../src/testing/index.ts"
import { digestOf } from "../registry/images.ts"
import { archiveOf, type Files } from "../support/files.ts"
import { open, temporaryRoot } from "../support/open.ts"
import { configDocument } from "./answers.ts"
import { archives } from "./archives.ts"

const messageOf = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error
  )
  expect(error).toBeInstanceOf(PullError)
  return error instanceof PullError ? error.reason.message : ""
}

describe.each(["file", "pipe"])("from a %s", (way) => {
  for (const { input, bytes, transport, ends } of archives)
    test(`${input}: ends as the table says`, async () => {
      await using home = await temporaryRoot()
      const path = join(home.root, "archive")
      await writeFile(path, await bytes())
      await using oci = await open()
      const pulling = () =>
        way === "file"
          ? oci.pull(`${transport}:${path}`, { platform: "linux/amd64" })
          : readFile(path).then((all) =>
              oci.pull(`${transport}:-`, { input: Readable.from([all]), platform: "linux/amd64" })
            )
      if (typeof ends === "number") {
        const { layers } = await pulling()
        expect(layers).toHaveLength(ends)
        for (const { path } of layers) expect(readFileSync(join(path, "hello"), "utf8")).toBe("hello\n")
      } else
        expect(await messageOf(pulling())).toMatch(
          way === "file" ? ends : new RegExp(ends.source.replace(/\(\?:.*\) /, ""))
        )
    })
})

describe("a zstd archive", () => {
  test("that is a bomb ends at the limit, and at once", async () => {
    // A block of four bytes holds 128 KiB.
    const block = Buffer.from([2, 0, 16, 0])
    const blocks = Array.from({ length: 16_000 }, () => block)
    const bomb = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x58]), ...blocks, Buffer.from([3, 0, 0])])
    await using oci = await open({ limits: { layerBytes: 2 ** 20 } })
    const input = Readable.from([bomb])
    expect(await messageOf(oci.pull("oci:-", { input }))).toContain("layerBytes")
  })
})

test("a tar whose first name begins like another format is a tar", async () => {
  for (const name of ["BZh91AY", "PK\u0003\u0004", "LZIP"]) {
    await using home = await temporaryRoot()
    const files: Files = new Map<string, Uint8Array>([
      [name, Buffer.from("x")],
      ["config.json", Buffer.from(JSON.stringify({ ...configDocument, rootfs: undefined }))],
      ["manifest.json", Buffer.from(JSON.stringify([{ Config: "config.json" }]))]
    ])
    const path = join(home.root, "archive.tar")
    await writeFile(path, await collect(archiveOf(files)))
    await using oci = await open()
    expect((await oci.pull(`docker-archive:${path}`, { platform: "linux/amd64" })).layers).toEqual([])
  }
})

describe("which of several images", () => {
  const config = (author: string) => Buffer.from(JSON.stringify({ ...configDocument, rootfs: undefined, author }))
  const [first, second] = [config("first"), config("second")]
  const savedOf = (tags: ReadonlyArray<ReadonlyArray<string>>): Files =>
    new Map<string, Uint8Array>([
      ["0.json", first],
      ["1.json", second],
      ["manifest.json", Buffer.from(JSON.stringify(tags.map((RepoTags, n) => ({ Config: `${n}.json`, RepoTags }))))]
    ])
  const layoutOf = (names: ReadonlyArray<string | undefined>): Files => {
    const manifests = [first, second].map((bytes) =>
      Buffer.from(
        JSON.stringify({ config: { mediaType: "", digest: digestOf(bytes), size: bytes.length }, layers: [] })
      )
    )
    return new Map<string, Uint8Array>([
      ["oci-layout", Buffer.from('{"imageLayoutVersion":"1.0.0"}')],
      ...[first, second, ...manifests].map(
        (bytes) => [`blobs/${digestOf(bytes).replace(":", "/")}`, bytes] as readonly [string, Buffer]
      ),
      [
        "index.json",
        Buffer.from(
          JSON.stringify({
            manifests: manifests.map((bytes, n) => ({
              digest: digestOf(bytes),
              size: bytes.length,
              ...(names[n] === undefined ? {} : { annotations: { "org.opencontainers.image.ref.name": names[n] } })
            }))
          })
        )
      ]
    ])
  }
  const asked = async (transport: string, files: Files, image = "") => {
    await using home = await temporaryRoot()
    const path = join(home.root, "archive.tar")
    await writeFile(path, await collect(archiveOf(files)))
    await using oci = await open()
    return await messageOf(oci.pull(`${transport}:${path}${image}`))
  }
  const digest = /@sha256:[0-9a-f]{64}/.source

  test("is asked for by names, where they tell the images apart", async () => {
    expect(
      await asked(
        "docker-archive",
        savedOf([
          ["a:1", "c:1"],
          ["b:1", "c:1"]
        ])
      )
    ).toMatch(/is meant: a:1, b:1$/)
    expect(await asked("oci", layoutOf(["a", "b"]))).toMatch(/is meant: a, b$/)
  })

  test("is asked for by digests, where the names are the same or there are none", async () => {
    const digests = new RegExp(`is meant: ${digest}, ${digest}$`)
    expect(await asked("oci", layoutOf(["latest", "latest"]))).toMatch(digests)
    expect(await asked("oci", layoutOf([undefined, undefined]))).toMatch(digests)
    expect(await asked("docker-archive", savedOf([["app:latest"], ["app:latest"]]))).toMatch(digests)
    expect(await asked("docker-archive", savedOf([[], []]))).toMatch(digests)
  })

  test("is asked for by a digest, where the name that was given is several's", async () => {
    const digests = new RegExp(`several images are called (?:app:)?latest; .*: ${digest}, ${digest}$`)
    expect(await asked("oci", layoutOf(["latest", "latest"]), ":latest")).toMatch(digests)
    expect(await asked("docker-archive", savedOf([["app:latest"], ["app:latest"]]), ":app:latest")).toMatch(digests)
  })

  test("and what there is, where none is called so", async () => {
    expect(await asked("oci", layoutOf(["a", "b"]), ":c")).toMatch(/it holds a, b\)$/)
    expect(await asked("docker-archive", savedOf([["a:1"], ["b:1"]]), ":c")).toMatch(/it holds a:1, b:1\)$/)
    expect(await asked("docker-archive", savedOf([]), ":c")).toMatch(/it has no image\)$/)
  })

  test("is not a question where the same image is there twice", async () => {
    const files = savedOf([["app:1"]])
    files.set(
      "manifest.json",
      Buffer.from(JSON.stringify(["a:1", "b:1"].map((tag) => ({ Config: "0.json", RepoTags: [tag] }))))
    )
    await using home = await temporaryRoot()
    const path = join(home.root, "archive.tar")
    await writeFile(path, await collect(archiveOf(files)))
    await using oci = await open()
    expect((await oci.pull(`docker-archive:${path}`, { platform: "linux/amd64" })).configDigest).toBe(digestOf(first))
  })
})
