/** Artifacts as Helm, ORAS, wasm tools and devcontainers push them, through Debian's docker-registry, made with real tar. */
import { execFile, execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, expect, test } from "vitest"
import { open } from "../../support/open.ts"
import { type DockerRegistry, startDockerRegistry } from "../support/dockerRegistry.ts"
import { type PushedArtifact, pushArtifact, sha256 } from "../support/pushArtifact.ts"

const main = join(import.meta.dirname, "../../../dist/cli/main.js")
const title = "org.opencontainers.image.title"
const manifestType = "application/vnd.oci.image.manifest.v1+json"
const json = (value: unknown) => Buffer.from(JSON.stringify(value))
/** Image-spec, manifest.md, "Guidance for an Empty Descriptor". */
const emptyConfig = { mediaType: "application/vnd.oci.empty.v1+json", bytes: json({}) }

let directory: string
let registry: DockerRegistry
const at = (...names: ReadonlyArray<string>) => join(directory, ...names)
const put = (path: string, text: string) => {
  mkdirSync(join(at(path), ".."), { recursive: true })
  writeFileSync(at(path), text)
}
const tar = (...args: ReadonlyArray<string>) =>
  execFileSync("tar", ["--create", "--file=-", "--directory", directory, ...args])

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "ociflow-artifacts-"))
  registry = await startDockerRegistry()
  put("app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.2.3\n")
  put("app/values.yaml", "replicas: 2\n")
  put("app/templates/service.yaml", "kind: Service\n")
  put("site/index.html", "<h1>site</h1>\n")
  put("site/run.sh", "#!/bin/sh\n")
  chmodSync(at("site/run.sh"), 0o755)
  put("feature/devcontainer-feature.json", '{"id":"go","version":"1.0.0"}')
  put("feature/install.sh", "#!/bin/sh\n")
  chmodSync(at("feature/install.sh"), 0o755)
})
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

/** Every file with its contents. */
const filesIn = (into: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(into, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(into.length + 1), readFileSync(path, "latin1")] as const)
      .sort(([one], [other]) => (one < other ? -1 : 1))
  )

/** Pushed, then pulled by the library and by the built command, which agree. */
const pushedAndPulled = async (name: string, artifact: PushedArtifact, unpack = false) => {
  const digest = await pushArtifact(registry.host, name, artifact)
  const reference = `${registry.host}/${name}`
  await using oci = await open()
  const into = join(oci.root, "by-library")
  const options = unpack ? { into, unpack } : { into }
  const found = await oci.artifact(reference, options)
  expect(found.digest).toBe(digest)
  const byCommand = join(oci.root, "by-command")
  const flags = ["--into", byCommand, "--root", join(oci.root, "other"), "--json", ...(unpack ? ["--unpack"] : [])]
  const { stdout } = await promisify(execFile)(process.execPath, [main, "artifact", "pull", reference, ...flags])
  expect(JSON.parse(stdout.replaceAll(byCommand, into))).toEqual(JSON.parse(JSON.stringify(found)))
  expect(filesIn(byCommand)).toEqual(filesIn(into))
  const modes = Object.fromEntries(
    Object.keys(filesIn(into)).map((path) => [path, statSync(join(into, path)).mode & 0o777])
  )
  return { found, files: filesIn(into), modes }
}

/** Helm's registries document: the chart first, then its signature; the config is `Chart.yaml` as JSON. */
const chart = (provenance?: string): PushedArtifact => ({
  config: {
    mediaType: "application/vnd.cncf.helm.config.v1+json",
    bytes: json({ name: "app", version: "1.2.3", apiVersion: "v2" })
  },
  layers: [
    { mediaType: "application/vnd.cncf.helm.chart.content.v1.tar+gzip", bytes: tar("--gzip", "app") },
    ...(provenance === undefined
      ? []
      : [{ mediaType: "application/vnd.cncf.helm.chart.provenance.v1.prov", bytes: Buffer.from(provenance) }])
  ],
  fields: { annotations: { [title]: "app", "org.opencontainers.image.version": "1.2.3" } }
})
const chartFiles = {
  "app/Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.2.3\n",
  "app/templates/service.yaml": "kind: Service\n",
  "app/values.yaml": "replicas: 2\n"
}

test("a Helm chart is a file of its digest's name, whose config `blob` reads", async () => {
  const artifact = chart()
  const { found, files } = await pushedAndPulled("charts/app:1.2.3", artifact)
  const bytes = artifact.layers[0]?.bytes ?? Buffer.alloc(0)
  expect(found).toMatchObject({
    artifactType: "application/vnd.cncf.helm.config.v1+json",
    annotations: { [title]: "app" },
    files: [{ digest: sha256(bytes), size: bytes.length, unpacked: false }]
  })
  expect(files).toEqual({ [sha256(bytes).replace(":", "-")]: Buffer.from(bytes).toString("latin1") })
  const reference = `${registry.host}/charts/app:1.2.3`
  const { stdout } = await promisify(execFile)(process.execPath, [main, "blob", reference, found.config.digest])
  expect(JSON.parse(stdout)).toEqual({ name: "app", version: "1.2.3", apiVersion: "v2" })
})

test("a Helm chart with a provenance file has both; unpacked, the chart's files are beside it", async () => {
  const provenance = "-----BEGIN PGP SIGNED MESSAGE-----\n"
  const whole = await pushedAndPulled("charts/signed:1.2.3", chart(provenance))
  expect(whole.found.files.map(({ mediaType }) => mediaType)).toEqual([
    "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
    "application/vnd.cncf.helm.chart.provenance.v1.prov"
  ])
  expect(Object.keys(whole.files)).toHaveLength(2)
  const { files } = await pushedAndPulled("charts/signed:1.2.3", chart(provenance), true)
  const name = sha256(Buffer.from(provenance)).replace(":", "-")
  expect(files).toEqual({ ...chartFiles, [name]: provenance })
})

test("a file and a directory that ORAS has pushed have their titles' names; the directory is unpacked", async () => {
  const bytes = tar("--gzip", "site")
  const { found, files, modes } = await pushedAndPulled("files/site:1", {
    config: emptyConfig,
    layers: [
      { mediaType: "text/plain", bytes: Buffer.from("hello\n"), annotations: { [title]: "docs/hello.txt" } },
      {
        mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
        bytes,
        annotations: {
          "io.deis.oras.content.digest": sha256(tar("site")),
          "io.deis.oras.content.unpack": "true",
          [title]: "site"
        }
      }
    ],
    fields: {
      mediaType: manifestType,
      artifactType: "application/vnd.acme.site",
      annotations: { "org.opencontainers.image.created": "2024-01-01T00:00:00Z" }
    }
  })
  expect(found).toMatchObject({
    artifactType: "application/vnd.acme.site",
    config: { mediaType: emptyConfig.mediaType, size: 2 },
    files: [
      { name: "docs/hello.txt", unpacked: false },
      { name: "site", unpacked: true }
    ]
  })
  expect(files).toEqual({
    "docs/hello.txt": "hello\n",
    "site/index.html": "<h1>site</h1>\n",
    "site/run.sh": "#!/bin/sh\n"
  })
  expect(modes["site/run.sh"]).toBe(0o755)
})

test("an artifact of ORAS without content has no files", async () => {
  const { found, files } = await pushedAndPulled("files/none:1", {
    config: emptyConfig,
    layers: [emptyConfig],
    fields: { mediaType: manifestType, artifactType: "application/vnd.acme.mark" }
  })
  expect([found.files, files]).toEqual([[], {}])
})

test("a wasm module is its bytes", async () => {
  // The module's header: magic and version.
  const module = Buffer.from("\0asm\x01\0\0\0", "latin1")
  const { found, files } = await pushedAndPulled("wasm/app:1", {
    config: {
      mediaType: "application/vnd.wasm.config.v0+json",
      bytes: json({ architecture: "wasm", os: "wasip1", layerDigests: [sha256(module)] })
    },
    layers: [{ mediaType: "application/wasm", bytes: module }],
    fields: { mediaType: manifestType }
  })
  expect(found.artifactType).toBe("application/vnd.wasm.config.v0+json")
  expect(Object.values(files)).toEqual([module.toString("latin1")])
})

test("a devcontainer feature, whose config is empty and whose .tgz is a plain tar, is unpacked on request", async () => {
  const feature: PushedArtifact = {
    config: { mediaType: "application/vnd.devcontainers", bytes: Buffer.alloc(0) },
    layers: [
      {
        mediaType: "application/vnd.devcontainers.layer.v1+tar",
        bytes: tar("--transform=s,^feature,.,", "feature"),
        annotations: { [title]: "devcontainer-feature-go.tgz" }
      }
    ],
    fields: {
      mediaType: manifestType,
      annotations: { "dev.containers.metadata": '{"id":"go"}', "com.github.package.type": "devcontainer_feature" }
    }
  }
  const whole = await pushedAndPulled("features/go:1", feature)
  expect(whole.found.artifactType).toBe("application/vnd.devcontainers")
  expect(Object.keys(whole.files)).toEqual(["devcontainer-feature-go.tgz"])
  const { files, modes } = await pushedAndPulled("features/go:1", feature, true)
  expect(files).toEqual({
    "devcontainer-feature.json": '{"id":"go","version":"1.0.0"}',
    "install.sh": "#!/bin/sh\n"
  })
  expect(modes["install.sh"]).toBe(0o755)
})
