/** Archives of some hundred bytes that would take gigabytes or hours of a careless reader; images of too many layers. */
import { createHash } from "node:crypto"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import {
  bigLayer,
  image,
  type LayerInput,
  makeLayer,
  Prng,
  startRegistry,
  type Tar,
  tar
} from "../../../src/testing/index.ts"
import type { HostileCase, Served } from "../HostileCase.ts"
import { answersOf, digestOf, serveAnswers } from "../rawImage.ts"

const serve =
  (layers: () => ReadonlyArray<LayerInput> | Promise<ReadonlyArray<LayerInput>>) => async (): Promise<Served> => {
    const registry = await startRegistry({ images: { "app:1": await image({ layers: await layers() }) } })
    return { references: [registry.reference("app:1")], [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose]() }
  }

const times = (count: number, add: (archive: Tar, index: number) => Tar, to: Tar = tar()): Tar => {
  for (let i = 0; i < count; i++) add(to, i)
  return to
}

/** 250 directories at the end of two links. */
const long = () =>
  tar()
    .directory("x")
    .directory("d/".repeat(250))
    .symlink("r", `${"x/../".repeat(500)}.`)
    .symlink("s", `${"x/../".repeat(500)}r`)
const below = `s/${"d/".repeat(250)}`

const removed = () => {
  const archive = tar()
  for (let round = 0; round < 40; round++) {
    for (let i = 0; i < 250; i++) archive.file(`t/${i}`, "")
    archive.hardLink("t", "end")
  }
  return archive.file("end", "")
}

const deep = "n".repeat(250)
const wide = () =>
  times(20_000, (to, i) => to.hardLink(`${`${deep}/`.repeat(15)}link ${i}`, "target")).file("target", "")

const sparse = () => tar().sparse("holes", 2 ** 31, [[2 ** 31 - 512, "x".repeat(512)]], "pax-1.0")

const few = (count: number) =>
  Promise.all(
    Array.from({ length: count }, (_, i) => makeLayer({ archive: tar().file(`f${i}`, ""), compression: "none" }))
  )

/** `manifest.json` names one gzip layer again and again. */
const saved = (count: number) => async (): Promise<Served> => {
  const directory = await mkdtemp(join(tmpdir(), "ociflow-hostile-"))
  const archive = tar()
    .file("f", new Prng("saved").bytes(2 ** 22))
    .ended()
    .bytes()
  const diffId = `sha256:${createHash("sha256").update(archive).digest("hex")}`
  const Layers = Array.from({ length: count }, () => "layer.tar")
  const config = { rootfs: { type: "layers", diff_ids: Layers.map(() => diffId) } }
  const bytes = tar()
    .file("layer.tar", gzipSync(archive, { level: 1 }))
    .file("config.json", JSON.stringify(config))
    .file("manifest.json", JSON.stringify([{ Config: "config.json", RepoTags: ["app:1"], Layers }]))
    .ended()
    .bytes()
  const path = join(directory, "saved.tar")
  await writeFile(path, bytes)
  return {
    references: [`docker-archive:${path}`],
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true })
  }
}

/** None of them is there: the manifest is all that is read. */
const countless = () => {
  const layers = Array.from({ length: 27_000 }, (_, i) => ({
    mediaType: "application/vnd.oci.image.layer.v1.tar",
    digest: digestOf(Buffer.from(String(i))),
    size: 100
  }))
  return serveAnswers(answersOf({ descriptors: () => layers }))
}

export const cases: ReadonlyArray<HostileCase> = [
  {
    name: "2 000 whiteouts at the end of two links with 1 000 components each",
    serve: serve(() => [times(2000, (to, i) => to.file(`${below}.wh.${i}`), long())])
  },
  {
    name: "the same whiteouts, merged",
    serve: serve(() => [times(2000, (to, i) => to.file(`${below}.wh.${i}`), long())]),
    options: { layout: "rootfs" }
  },
  { name: "a tree of 250 files that is made and removed 40 times", serve: serve(() => [removed()]) },
  {
    name: "hard links that wait, with names of 4 000 slashes",
    serve: serve(() => [times(20_000, (to, i) => to.hardLink(`${"/".repeat(4000)}l${i}`, "target"))])
  },
  { name: "20 000 hard links that wait, with names of 4 000 bytes", serve: serve(() => [wide()]) },
  { name: "a sparse file of 2 GiB in some hundred bytes, its text", action: "texts", serve: serve(() => [sparse()]) },
  { name: "the same sparse file, piece by piece", action: "bodies", serve: serve(() => [sparse()]) },
  {
    name: "the same sparse file, by an asynchronous reader with a gate",
    action: "slow bodies",
    serve: serve(() => [sparse()])
  },
  {
    name: "a file of 600 MB, by an asynchronous reader with a gate",
    action: "slow bodies",
    serve: serve(async () => [await bigLayer({ size: 600_000_000 })])
  },
  { name: "a manifest of 27 000 layers", serve: countless },
  { name: "500 layers", serve: serve(() => few(500)) },
  { name: "500 layers, merged", serve: serve(() => few(500)), options: { layout: "rootfs" } },
  { name: "501 layers", serve: serve(() => few(501)) },
  { name: "an archive that names one gzip layer of 4 MiB 500 times", serve: saved(500) },
  { name: "the same archive, merged", serve: saved(500), options: { layout: "rootfs" } },
  { name: "an archive that names one gzip layer of 4 MiB 501 times", serve: saved(501) }
]
