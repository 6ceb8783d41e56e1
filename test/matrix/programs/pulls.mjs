/**
 * What each program of the matrix does with the package that it was given: a pull of two layers, a cancelled one, and one that
 * fails. It throws where something is not as it should be.
 */
import assert from "node:assert/strict"
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"

const { root, image, slow, missing, options } = JSON.parse(process.env.MATRIX)

/** What a pull may leave in its staging directory while it runs, and not afterwards. */
const staged = async () => {
  const names = await readdir(root, { recursive: true })
  return names.filter((name) => /\.staging[\\/][^\\/]+[\\/]./.test(name))
}

export const pulls = async ({ open, PullError }) => {
  const oci = await open({ root, retry: { base: 1 }, ...options })

  const pulled = await oci.pull(image)
  assert.equal(pulled.layers.length, 2)
  const read = (name, at) => readFile(join(pulled.layers[at].path, name), "utf8")
  assert.equal(String(await Promise.all(["motd", "page"].map(read))), "hello\n,hi\n")

  const controller = new AbortController()
  const cancelled = oci.pull(slow, {
    signal: controller.signal,
    onEvent: ({ _tag }) => {
      if (_tag === "LayerProgress") controller.abort()
    }
  })
  await assert.rejects(cancelled, (error) => error === controller.signal.reason)
  // As texts: the arrays of one realm are not those of another.
  assert.equal(String(await staged()), "")

  const error = await oci.pull(missing).catch((error) => error)
  assert.equal(error instanceof PullError, true)
  assert.equal(error.reason._tag, "ManifestNotFound")
  assert.match(error.message, /missing/)

  await oci.close()
  console.log("pulled, cancelled, failed")
}
