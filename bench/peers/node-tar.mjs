import { createWriteStream, mkdirSync } from "node:fs"
import { pipeline } from "node:stream/promises"
import { extract } from "tar"
import { blob, layers, out, verify } from "./download.mjs"

const place = ({ digest }) => `${out}/${digest.slice(7)}`
mkdirSync(out, { recursive: true })
const all = await layers()
await Promise.all(
  all.map(async (layer) =>
    pipeline(await blob(layer.digest), verify(layer.digest), createWriteStream(`${place(layer)}.tar.gz`))
  )
)
for (const layer of all) {
  mkdirSync(place(layer))
  extract({ file: `${place(layer)}.tar.gz`, cwd: place(layer), sync: true, preservePaths: false })
}
