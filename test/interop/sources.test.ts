/**
 * One image by every way there is, made and read by skopeo: equal trees, equal rows; and what is kept of it, read by
 * others. `IMAGE_NAMES` (small): those that come by every way.
 */
import { execFileSync } from "node:child_process"
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { PulledImage } from "../../src/api/events.ts"
import { open } from "../support/open.ts"
import { makeImages, startDockerRegistry } from "./support/dockerRegistry.ts"
import { everythingBeneath, layoutOf, run, unpacked } from "./support/oracle.ts"
import { sqlite } from "./support/pulling.ts"
import { differences, readTree } from "./support/tree.ts"

const images = ["small", "debian"] as const
const everyWay = (process.env["IMAGE_NAMES"] ?? "small").split(",")
let directory: string
const at = (name: string) => join(directory, name)

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "ociflow-sources-"))
  makeImages(...new Set([...images, ...everyWay]))
}, 600_000)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const bin = join(import.meta.dirname, "../../dist/cli/main.js")

/** The command, with a file as its standard input. */
const piped = (file: string, ...args: ReadonlyArray<string>): PulledImage => {
  const stdin = openSync(file, "r")
  try {
    const said = execFileSync(process.execPath, [bin, ...args, "--json"], { stdio: [stdin, "pipe", "inherit"] })
    return JSON.parse(said.toString().trimEnd().split("\n").at(-1) ?? "").image
  } finally {
    closeSync(stdin)
  }
}

/** What the catalogue says: of the documents as they are, and of the image whatever its blobs are compressed by. */
const rowsOf = (root: string) => ({
  image: sqlite(
    root,
    `SELECT i.digest, i.size_bytes, m.digest AS manifest, m.media_type, m.platform_os, m.platform_arch, ml.position,
            l.digest AS layer, l.media_type AS layer_type, l.size_bytes AS layer_size
     FROM images i JOIN manifests m ON m.image_id = i.id JOIN manifest_layers ml ON ml.manifest_id = m.id
     JOIN layers l ON l.id = ml.layer_id ORDER BY ml.position`
  ),
  contents: sqlite(
    root,
    `SELECT m.platform_os, m.platform_arch, c.digest, c.config_json, c.rootfs_diff_ids_json, c.history_json, ml.position,
            l.diff_id FROM manifests m JOIN configs c ON c.manifest_id = m.id
     JOIN manifest_layers ml ON ml.manifest_id = m.id JOIN layers l ON l.id = ml.layer_id ORDER BY ml.position`
  )
})

const treesOf = ({ layers }: PulledImage) => layers.map(({ path }) => readTree(path))

describe.each(everyWay)("%s", (name) => {
  test("is the same from a registry, a mirror, a layout, archives and a pipe", async () => {
    const layout = layoutOf(name)
    await using registry = await startDockerRegistry({ images: [name] })
    const [archive, saved] = [at(`${name}.oci.tar`), at(`${name}.saved.tar`)]
    run("skopeo", "copy", "-q", `oci:${layout}:latest`, `oci-archive:${archive}:latest`)
    run("skopeo", "copy", "-q", `oci:${layout}:latest`, `docker-archive:${saved}:example.com/${name}:1`)
    execFileSync("sh", ["-c", `gzip --fast --keep --force ${saved}`])

    await using first = await open()
    const pulled = await first.pull(`${registry.host}/${name}:latest`)
    const trees = treesOf(pulled)
    const rows = rowsOf(first.root)
    expect(rows.contents.length).toBe(pulled.layers.length)

    type Way = readonly [way: string, pull: () => Promise<{ readonly root: string; readonly image: PulledImage }>]
    const client =
      (reference: string, hosts = {}): Way[1] =>
      async () => {
        const root = mkdtempSync(at("root-"))
        await using oci = await open({ root, hosts })
        return { root, image: await oci.pull(reference) }
      }
    const pipe =
      (file: string, reference: string): Way[1] =>
      async () => {
        const root = mkdtempSync(at("root-"))
        return { root, image: piped(file, "pull", reference, "--root", root) }
      }
    const mirror = { "nowhere.invalid": { mirrors: [`http://${registry.host}`] } }
    const alike: ReadonlyArray<Way> = [
      ["mirror", client(`nowhere.invalid/${name}:latest`, mirror)],
      ["layout", client(`oci:${layout}:latest`)],
      ["archive of a layout", client(`oci-archive:${archive}:latest`)],
      ["pipe of an archive of a layout", pipe(archive, "oci:-")]
    ]
    for (const [way, pull] of alike) {
      const { root, image } = await pull()
      for (const [position, tree] of treesOf(image).entries())
        expect(differences(tree, trees[position] ?? new Map(), everythingBeneath), way).toEqual([])
      expect(
        image.layers.map(({ digest }) => digest),
        way
      ).toEqual(pulled.layers.map(({ digest }) => digest))
      expect(rowsOf(root), way).toEqual(rows)
      rmSync(root, { recursive: true })
    }
    // Layers there are not compressed: other blobs of the same contents.
    const repacked: ReadonlyArray<Way> = [
      ["docker save", client(`docker-archive:${saved}`)],
      ["docker save by name", client(`docker-archive:${saved}:example.com/${name}:1`)],
      ["pipe of docker save", pipe(saved, "-")],
      ["pipe of docker save | gzip", pipe(`${saved}.gz`, "docker-archive:-")]
    ]
    for (const [way, pull] of repacked) {
      const { root, image } = await pull()
      expect(image.layers).toHaveLength(trees.length)
      for (const [position, tree] of treesOf(image).entries())
        expect(differences(tree, trees[position] ?? new Map(), everythingBeneath), way).toEqual([])
      expect(rowsOf(root).contents, way).toEqual(rows.contents)
      rmSync(root, { recursive: true })
    }
  }, 600_000)
})

describe("an OCI layout of what was pulled", () => {
  test("is read by skopeo and umoci, holds several images, and leads back to the same", async () => {
    await using registry = await startDockerRegistry({ images: [...images] })
    const keepBlobs = at("kept")
    await using oci = await open({ keepBlobs })
    const [small, debian] = [
      await oci.pull(`${registry.host}/small:latest`),
      await oci.pull(`${registry.host}/debian:latest`)
    ]
    const names = { latest: small, [`${registry.host}/debian:latest`]: debian }
    for (const [name, { digest, layers }] of Object.entries(names)) {
      const told = JSON.parse(run("skopeo", "inspect", `oci:${keepBlobs}:${name}`))
      expect([told.Digest, told.Layers], name).toEqual([digest, layers.map(({ digest }) => digest)])
      run("skopeo", "copy", "-q", `oci:${keepBlobs}:${name}`, `oci:${at("copied")}:${digest.slice(7, 19)}`)
    }
    const digests = (layout: string) => readdirSync(join(layout, "blobs/sha256")).sort()
    expect(digests(at("copied"))).toEqual(digests(keepBlobs))
    for (const name of digests(keepBlobs))
      expect(
        readFileSync(join(keepBlobs, "blobs/sha256", name)).equals(
          readFileSync(join(at("copied"), "blobs/sha256", name))
        )
      ).toBe(true)
    symlinkSync(keepBlobs, at("link"))
    expect(readdirSync(unpacked(at("link"), at("unpacked")))).toContain("bin")

    await using again = await open()
    const back = await again.pull(`oci:${keepBlobs}:${registry.host}/debian:latest`)
    expect(
      differences(readTree(back.layers[0]?.path ?? ""), readTree(debian.layers[0]?.path ?? ""), everythingBeneath)
    ).toEqual([])
  }, 600_000)

  test("by the command, and looked at by the command", async () => {
    await using registry = await startDockerRegistry({ images: ["small"] })
    const ociflow = (...args: ReadonlyArray<string>) => run(process.execPath, bin, ...args)
    const kept = at("kept-by-command")
    ociflow("pull", `${registry.host}/small:latest`, "--root", at("by-command"), "--keep-blobs", kept, "--quiet")
    const told = JSON.parse(run("skopeo", "inspect", `oci:${kept}:latest`))
    const resolved = JSON.parse(ociflow("resolve", `${registry.host}/small:latest`, "--json"))
    expect([resolved.digest, resolved.platforms.length]).toEqual([told.Digest, 1])
    expect(ociflow("manifest", `oci:${kept}:latest`)).toBe(run("skopeo", "inspect", "--raw", `oci:${kept}:latest`))
    expect(ociflow("tags", `${registry.host}/small`)).toBe("latest\n")
    expect(ociflow("tags", `oci:${kept}`)).toBe("latest\n")
    expect(ociflow("referrers", `${registry.host}/small:latest`)).toBe("")
  }, 600_000)
})
