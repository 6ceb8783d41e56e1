/** Archives of images, whole: as they are compressed, and as their `manifest.json` or `index.json` is written. */
import { execFileSync } from "node:child_process"
import { gzipSync } from "node:zlib"
import { collect, mediaTypes } from "../../src/testing/index.ts"
import { digestOf } from "../registry/images.ts"
import { archiveOf, type Files } from "../support/files.ts"
import { archive, configDocument, layer } from "./answers.ts"
import type { Row } from "./Row.ts"

export interface ArchiveCase extends Row {
  readonly bytes: () => Promise<Buffer>
  readonly transport: "docker-archive" | "oci"
  /** With so many layers; or why not. */
  readonly ends: number | RegExp
}

const law = ["compatibility/archives.test.ts", "ends as the table says"] as const
const json = (value: unknown) => Buffer.from(JSON.stringify(value))

/** What `docker save` writes, its `manifest.json` made odd. */
const saved = async (
  odd: Readonly<Record<string, unknown>> = {},
  config: unknown = configDocument,
  named = "app:1"
) => {
  const files: Files = new Map()
  files.set("config.json", json(config))
  files.set("layer.tar", archive)
  const plain = { Config: "config.json", RepoTags: [named], Layers: ["layer.tar"] }
  files.set("manifest.json", json([{ ...plain, ...odd }]))
  return Buffer.from(await collect(archiveOf(files)))
}

/** An OCI layout, its entry made odd. */
const layout = async (
  entry: Readonly<Record<string, unknown>> = {},
  index: Readonly<Record<string, unknown>> = {},
  others: ReadonlyArray<unknown> = []
) => {
  const blob = layer("oci")
  const config = json(configDocument)
  const manifest = json({
    schemaVersion: 2,
    mediaType: mediaTypes.oci.manifest,
    config: { mediaType: mediaTypes.oci.config, digest: digestOf(config), size: config.length },
    layers: [{ mediaType: blob.mediaType, digest: blob.digest, size: blob.size }]
  })
  const files: Files = new Map()
  files.set("oci-layout", json({ imageLayoutVersion: "1.0.0" }))
  for (const bytes of [blob.bytes, config, manifest]) files.set(`blobs/${digestOf(bytes).replace(":", "/")}`, bytes)
  const described = { mediaType: mediaTypes.oci.manifest, digest: digestOf(manifest), size: manifest.length }
  files.set("index.json", json({ schemaVersion: 2, manifests: [...others, { ...described, ...entry }], ...index }))
  return Buffer.from(await collect(archiveOf(files)))
}

const through = async (bytes: Promise<Buffer>, program: string, ...flags: ReadonlyArray<string>) =>
  execFileSync(program, [...flags, "--stdout"], { input: await bytes, maxBuffer: 2 ** 28 })

const without = { ...configDocument, rootfs: { type: "layers", diff_ids: null } }
const both = { skopeo: true, podman: true }

export const archives: ReadonlyArray<ArchiveCase> = [
  ...Object.entries<Readonly<Record<string, unknown>>>({ "`null`": { Layers: null }, "`[]`": { Layers: [] } }).map(
    ([what, odd]): ArchiveCase => ({
      input: `docker-archive: \`Layers\` is ${what}`,
      behaviour: "pulled: an image without layers",
      oracle: { skopeo: true },
      transport: "docker-archive",
      bytes: () => saved(odd, without),
      ends: 0,
      law
    })
  ),
  {
    input: "docker-archive: `Layers` is missing, the config has no `rootfs`",
    behaviour: "pulled: an image without layers",
    oracle: { skopeo: false },
    because: "there is nothing to verify",
    transport: "docker-archive",
    bytes: () => saved({ Layers: undefined }, { os: "linux", architecture: "amd64" }),
    ends: 0,
    law
  },
  {
    input: "docker-archive: `RepoTags` is `null`",
    behaviour: "pulled",
    oracle: both,
    transport: "docker-archive",
    bytes: () => saved({ RepoTags: null }),
    ends: 1,
    law
  },
  {
    input: "docker-archive: the keys spelled `config`, `repotags`, `layers`",
    behaviour: "pulled: keys match in any case",
    oracle: both,
    transport: "docker-archive",
    bytes: async () => {
      const { Config, RepoTags, Layers } = { Config: "config.json", RepoTags: ["app:1"], Layers: ["layer.tar"] }
      return saved({
        Config: undefined,
        RepoTags: undefined,
        Layers: undefined,
        config: Config,
        repotags: RepoTags,
        layers: Layers
      })
    },
    ends: 1,
    law
  },
  {
    input: "docker-archive: `Layers` is `null`, the config names one",
    behaviour: "refused: the two contradict each other",
    oracle: { skopeo: false, podman: false },
    transport: "docker-archive",
    bytes: () => saved({ Layers: null }),
    ends: /0 layers, but the config has 1 diff ID$/,
    law
  },
  ...(["docker-archive", "oci"] as const).flatMap((transport): ReadonlyArray<ArchiveCase> => {
    const bytes = () => (transport === "oci" ? layout() : saved())
    const whole = transport === "oci" ? { skopeo: true } : both
    const read = (input: string, made: ArchiveCase["bytes"], oracle: Row["oracle"]): ArchiveCase => ({
      input: `${transport}: the archive is compressed ${input}`,
      behaviour: "pulled",
      oracle,
      transport,
      bytes: made,
      ends: 1,
      law
    })
    return [
      read("with zstd (`.tar.zst`)", () => through(bytes(), "zstd"), whole),
      read(
        "with zstd, in two frames and a skippable one",
        async () => {
          const plain = await bytes()
          const [first, second] = [plain.subarray(0, 3000), plain.subarray(3000)]
          const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])
          const frames = [first, second].map((part) => through(Promise.resolve(part), "zstd"))
          return Buffer.concat([skippable, ...(await Promise.all(frames))])
        },
        "RFC 8878"
      ),
      read("with gzip", async () => gzipSync(await bytes()), "`docker load` and GNU tar read it"),
      ...(["xz", "bzip2", "lz4"] as const).map(
        (program): ArchiveCase => ({
          input: `${transport}: the archive is compressed with ${program}`,
          behaviour: `\`InvalidSource\`, which names the compression and the command that decompresses it: \`${program} -dc FILE | ociflow pull -\``,
          oracle: program === "lz4" ? "–" : "skopeo and podman read `.tar.xz` and `.tar.bz2`",
          because: "the supported Node versions have no decoder for it",
          transport,
          bytes: () => through(bytes(), program),
          ends: new RegExp(`compressed with ${program}; .*: ${program} -dc (?:[^\\s']+|'.+') \\| ociflow pull -$`),
          law
        })
      ),
      {
        input: `${transport}: truncated zstd`,
        behaviour: "`InvalidSource`",
        oracle: "RFC 8878",
        transport,
        bytes: async () => (await through(bytes(), "zstd")).subarray(0, -5),
        ends: /ends within a frame/,
        law
      }
    ]
  }),
  {
    input: "oci: `index.json` without `schemaVersion`",
    behaviour: "pulled",
    oracle: { skopeo: true },
    transport: "oci",
    bytes: () => layout({}, { schemaVersion: undefined }),
    ends: 1,
    law
  },
  {
    input: "oci: the entry of `index.json` has no type",
    behaviour: "pulled: the type is read from the manifest",
    oracle: "–",
    because: "its content says what it is",
    transport: "oci",
    bytes: () => layout({ mediaType: undefined }),
    ends: 1,
    law
  },
  {
    input: "oci: beside the image, an entry with an invalid digest",
    behaviour: "pulled",
    oracle: "as in an index from a registry",
    transport: "oci",
    bytes: () => layout({}, {}, [{ digest: "nonsense" }, null, 7]),
    ends: 1,
    law
  },
  {
    input: "a zip archive",
    behaviour: "`InvalidSource`, which says so",
    oracle: "–",
    transport: "docker-archive",
    bytes: async () => Buffer.concat([Buffer.from("PK\u0003\u0004"), Buffer.alloc(2000, 7)]),
    ends: /it is a zip archive/,
    law
  },
  {
    input: "a file that is not an archive",
    behaviour: "`InvalidSource`, which says so",
    oracle: "GNU tar: This does not look like a tar archive",
    transport: "docker-archive",
    bytes: async () => Buffer.from("hello\n"),
    ends: /it is not a tar archive/,
    law
  }
]
