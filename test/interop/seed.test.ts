/** The test of the system that ociflow re-creates, on an image with the same files: nginx's. */
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { image, startRegistry } from "../../src/testing/index.ts"
import { open } from "../support/open.ts"

test("an nginx image: its row, its layers directory, and its files in the extracted layers", async () => {
  const nginx = await image({
    format: "docker",
    index: true,
    layers: [
      { files: { "etc/alpine-release": "3.20.3\n", "bin/busybox": "binary" } },
      { files: { "usr/sbin/nginx": "binary", "etc/nginx/nginx.conf": "events {}\n" } },
      { files: { "etc/nginx/conf.d/default.conf": "server {}\n" } }
    ]
  })
  await using registry = await startRegistry({ images: { "library/nginx:stable-alpine": nginx } })
  await using oci = await open()
  const reference = registry.reference("library/nginx:stable-alpine")
  await oci.pull(reference)

  const rows = execFileSync("sqlite3", [
    join(oci.root, "oci.db"),
    `SELECT COUNT(*) FROM images WHERE reference = '${reference}'`
  ])
  expect(rows.toString().trim()).toBe("1")

  const layersDir = join(oci.root, "layers")
  expect(existsSync(layersDir)).toBe(true)
  const extracted = readdirSync(layersDir).filter((name) => name.endsWith("extracted"))
  expect(extracted.length).toBeGreaterThan(0)
  for (const name of extracted) expect(statSync(join(layersDir, name)).isDirectory()).toBe(true)

  const found = (path: string) => extracted.some((name) => existsSync(join(layersDir, name, path)))
  expect(found("etc/nginx/nginx.conf")).toBe(true)
  expect(found("etc/nginx/conf.d/default.conf")).toBe(true)
  expect(found("usr/sbin/nginx")).toBe(true)
})
