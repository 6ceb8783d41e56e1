/** Manifests, indexes and configs as they were met, and what was made of the very same by other programs. */
import { mediaTypes } from "../../src/testing/index.ts"
import { descriptor, digestOf } from "../registry/images.ts"
import { type Answers, archive, configDocument, type Dialect, indexOf, layer, manifestOf } from "./answers.ts"
import type { Row } from "./Row.ts"

export interface DocumentCase extends Row {
  readonly answers: () => Answers
  /** How a pull ends: with the tree of the image, or with this reason. */
  readonly ends: "pulled" | "InvalidManifest" | "NotAnImage" | "InvalidResponse"
}

const all = { ctr: true, skopeo: true, podman: true }
const none = { ctr: false, skopeo: false, podman: false }
const law = ["compatibility/documents.test.ts", "ends as the table says"] as const

const { docker } = mediaTypes
const other = (dialect: Dialect) => mediaTypes[dialect === "oci" ? "docker" : "oci"]

const configs: ReadonlyArray<DocumentCase> = [
  ...["application/octet-stream", "application/json", "text/plain", "", undefined, "application/vnd.example+json"].map(
    (mediaType): DocumentCase => ({
      report: "moby #48361, harbor #7853, containerd #2456",
      input: `Docker: the config has ${mediaType === undefined ? "no type" : `the type \`${mediaType || '""'}\``}`,
      behaviour: "pulled: the type does not matter, the content is read as a config",
      oracle: all,
      answers: () => manifestOf("docker", { configEntry: { mediaType } }),
      ends: "pulled",
      law
    })
  ),
  ...["application/octet-stream", docker.config].map(
    (mediaType): DocumentCase => ({
      input: `OCI: the config has the type \`${mediaType}\``,
      behaviour: "pulled",
      oracle: { ctr: true, skopeo: true, podman: false },
      because: "podman takes it for an artifact; the config lists the layers, and they are verified",
      answers: () => manifestOf("oci", { configEntry: { mediaType } }),
      ends: "pulled",
      law
    })
  ),
  {
    input: "the config of another type names no layers: a Helm chart",
    behaviour: "`NotAnImage`, which names the type",
    oracle: "OCI image-spec, guidelines for artifacts",
    answers: () =>
      manifestOf("oci", {
        config: { name: "chart", version: "1.0.0", apiVersion: "v2" },
        configEntry: { mediaType: "application/vnd.cncf.helm.config.v1+json" },
        layers: []
      }),
    ends: "NotAnImage",
    law
  },
  ...(["docker", "oci"] as const).map(
    (dialect): DocumentCase => ({
      input: `${dialect}: a config without \`rootfs\`, no layers`,
      behaviour: "pulled: an image without layers",
      oracle: all,
      answers: () => manifestOf(dialect, { config: { os: "linux", architecture: "amd64" }, layers: [] }),
      ends: "pulled",
      law
    })
  ),
  {
    input: "`layers` and `diff_ids` are `null`",
    behaviour: "pulled: an image without layers",
    oracle: all,
    answers: () => manifestOf("docker", { config: { ...configDocument, rootfs: { diff_ids: null } }, layers: null }),
    ends: "pulled",
    law
  },
  {
    input: "a config without `rootfs`, one layer",
    behaviour: "`InvalidManifest`",
    oracle: { ctr: false, podman: true },
    because: "the layer's content cannot be verified",
    answers: () => manifestOf("oci", { config: { os: "linux", architecture: "amd64" } }),
    ends: "InvalidManifest",
    law
  },
  {
    input: "a config without `os` and `architecture`",
    behaviour: "pulled",
    oracle: all,
    answers: () => manifestOf("oci", { config: { ...configDocument, os: undefined, architecture: undefined } }),
    ends: "pulled",
    law
  },
  {
    input: "a config whose keys are spelled `RootFS`, `Diff_IDs`, `OS`, `Architecture`",
    behaviour: "pulled: keys match in any case",
    oracle: all,
    answers: () =>
      manifestOf("docker", {
        config: { OS: "linux", Architecture: "amd64", RootFS: { Type: "layers", Diff_IDs: [digestOf(archive)] } }
      }),
    ends: "pulled",
    law
  },
  {
    input: "`null` in `Env`, `Cmd` and `history`",
    behaviour: "pulled: read as an empty string or an empty entry",
    oracle: all,
    answers: () =>
      manifestOf("oci", {
        config: { ...configDocument, config: { Env: ["A=1", null], Cmd: [null] }, history: [null] }
      }),
    ends: "pulled",
    law
  },
  ...Object.entries({
    "`Cmd` is a text": { Cmd: "sh" },
    "a label is a number": { Labels: { a: 1 } },
    "`ExposedPorts` is a list": { ExposedPorts: [] }
  }).map(
    ([input, config]): DocumentCase => ({
      input: `in the config, ${input}`,
      behaviour: "pulled; that part of the config is ignored",
      oracle: { ctr: false, skopeo: true, podman: false },
      because: "they need it to run the image; a pull does not",
      answers: () => manifestOf("oci", { config: { ...configDocument, config } }),
      ends: "pulled",
      law
    })
  ),
  {
    input: 'in the config, `created` is `""`',
    behaviour: "pulled",
    oracle: { ctr: false, skopeo: true, podman: false },
    because: "a pull does not need it",
    answers: () => manifestOf("oci", { config: { ...configDocument, created: "" } }),
    ends: "pulled",
    law
  },
  {
    input: "bytes of the config that are not UTF-8",
    behaviour: "pulled; these bytes are read as U+FFFD",
    oracle: all,
    answers: () => {
      const bytes = Buffer.from(JSON.stringify({ ...configDocument, author: "@@" }))
      bytes.set([0xff, 0xe9], bytes.indexOf("@@"))
      return manifestOf("docker", { config: bytes })
    },
    ends: "pulled",
    law
  }
]

const manifests = (["docker", "oci"] as const).flatMap(
  (dialect): ReadonlyArray<DocumentCase> => [
    {
      input: `${dialect}: a manifest without \`schemaVersion\``,
      behaviour: "pulled",
      oracle: all,
      answers: () => manifestOf(dialect, { manifest: { schemaVersion: undefined } }),
      ends: "pulled",
      law
    },
    {
      input: `${dialect}: a manifest with \`schemaVersion: 3\``,
      behaviour: "pulled: only version 1 has another format",
      oracle: all,
      answers: () => manifestOf(dialect, { manifest: { schemaVersion: 3 } }),
      ends: "pulled",
      law
    },
    {
      input: `${dialect}: the manifest's keys spelled \`Config\`, \`Layers\`, \`Digest\`, \`SIZE\``,
      behaviour: "pulled: keys match in any case",
      oracle: all,
      answers: () =>
        manifestOf(dialect, {
          written: (text) =>
            text
              .replace('"config"', '"Config"')
              .replace('"layers"', '"Layers"')
              .replaceAll('"digest"', '"Digest"')
              .replaceAll('"size"', '"SIZE"')
        }),
      ends: "pulled",
      law
    },
    {
      input: `${dialect}: a manifest with both \`config\` and \`Config\``,
      behaviour: "`InvalidManifest`",
      oracle: "CVE-2021-41190",
      because: "two programs could read two different images",
      answers: () => manifestOf(dialect, { manifest: { Config: { digest: digestOf(archive), size: archive.length } } }),
      ends: "InvalidManifest",
      law
    },
    {
      input: `${dialect}: bytes of an annotation that are not UTF-8`,
      behaviour: "pulled; these bytes are read as U+FFFD",
      oracle: all,
      answers: () =>
        manifestOf(dialect, {
          manifest: { annotations: { a: "@@" } },
          written: (text) => {
            const bytes = Buffer.from(text)
            bytes.set([0xff, 0xe9], bytes.indexOf("@@"))
            return bytes
          }
        }),
      ends: "pulled",
      law
    },
    {
      input: `${dialect}: an annotation that is a number`,
      behaviour: "pulled; that annotation is ignored",
      oracle: { ctr: false, skopeo: dialect === "docker", podman: dialect === "docker" },
      because: "a pull does not need it",
      answers: () => manifestOf(dialect, { manifest: { annotations: { a: 1 } } }),
      ends: "pulled",
      law
    },
    {
      input: `${dialect}: the manifest comes with the status 203`,
      behaviour: "pulled: the digest decides",
      oracle: { ctr: true, skopeo: false, podman: false },
      answers: () => ({ ...manifestOf(dialect), status: 203 }),
      ends: "pulled",
      law
    },
    {
      input: `${dialect}: one layer twice, with two types`,
      behaviour: "pulled: the compression is detected from its bytes",
      oracle: { ctr: true, skopeo: dialect === "oci", podman: dialect === "oci" },
      answers: () => {
        const blob = descriptor(layer(dialect))
        const diffId = digestOf(archive)
        return manifestOf(dialect, {
          config: { ...configDocument, rootfs: { type: "layers", diff_ids: [diffId, diffId] } },
          layers: [blob, { ...blob, mediaType: other(dialect).gzip }]
        })
      },
      ends: "pulled",
      law
    },
    {
      input: `${dialect}: a byte order mark before the manifest`,
      behaviour: "refused: it is not JSON",
      oracle: none,
      answers: () => manifestOf(dialect, { written: (text) => `\ufeff${text}` }),
      ends: "InvalidResponse",
      law
    },
    {
      input: `${dialect}: a layer's size is a string`,
      behaviour: "`InvalidManifest`",
      oracle: none,
      answers: () => {
        const blob = descriptor(layer(dialect))
        return manifestOf(dialect, { layers: [{ ...blob, size: String(blob.size) }] })
      },
      ends: "InvalidManifest",
      law
    }
  ]
)

const windows = { os: "windows", architecture: "amd64" }
const indexes = (["docker", "oci"] as const).flatMap((dialect): ReadonlyArray<DocumentCase> => {
  const index = (
    input: string,
    entries: Parameters<typeof indexOf>[1],
    row: Partial<DocumentCase> & Pick<DocumentCase, "oracle">,
    more: object = {}
  ): DocumentCase => ({
    input: `${dialect}: ${input}`,
    behaviour: "pulled: the matching entry is used",
    answers: () => indexOf(dialect, entries, { ...more }),
    ends: "pulled",
    law,
    ...row
  })
  const most = { ctr: false, skopeo: true, podman: true }
  return [
    index("an index without `schemaVersion`", (it) => [it], { oracle: all }, { schemaVersion: undefined }),
    index(
      "beside it, an entry with an invalid digest",
      (it) => [{ ...it, digest: "nonsense", platform: windows }, it],
      {
        oracle: all
      }
    ),
    index("beside it, an entry of size −1", (it) => [{ ...it, size: -1, platform: windows }, it], { oracle: all }),
    index("beside it, `null`", (it) => [null, it], { oracle: most }),
    index("beside it, an entry `{}`", (it) => [{}, it], { oracle: most }),
    index("beside it, an entry that is a number", (it) => [7, it], {
      oracle: none,
      because: "a pull does not need it"
    }),
    index("the only entry has no digest", ({ digest: _, ...it }) => [it], {
      behaviour: "`InvalidManifest`, which says what is wrong",
      ends: "InvalidManifest",
      oracle: none
    }),
    index("the platform of the entry is a text", (it) => [{ ...it, platform: "linux/amd64" }], {
      behaviour: "pulled: the platform is read from the config",
      oracle: none,
      because: "the config has it too"
    }),
    index("the entry has the other family's type", (it) => [{ ...it, mediaType: other(dialect).manifest }], {
      behaviour: "pulled: both say that it is a manifest",
      oracle: all
    }),
    index("the entry has no type", ({ mediaType: _, ...it }) => [it], {
      behaviour: "pulled: the type is read from the manifest",
      oracle: most
    }),
    index(
      "the entry has the type `application/octet-stream`",
      (it) => [{ ...it, mediaType: "application/octet-stream" }],
      {
        behaviour: "pulled: the type is read from the manifest",
        oracle: most
      }
    ),
    index("the entry says that the manifest is an index", (it) => [{ ...it, mediaType: mediaTypes[dialect].index }], {
      behaviour: "`InvalidManifest`",
      ends: "InvalidManifest",
      oracle: most,
      because: "a program that trusts the entry would read another document (CVE-2021-41190)"
    }),
    index(
      "one digest twice, with two types",
      (it) => [{ ...it, mediaType: other(dialect).manifest, platform: windows }, it],
      { oracle: all }
    )
  ]
})

export const documents: ReadonlyArray<DocumentCase> = [...configs, ...manifests, ...indexes]
