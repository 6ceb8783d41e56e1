import { mkdirSync } from "node:fs"
import { pipeline } from "node:stream/promises"
import { createGunzip } from "node:zlib"
import { unpackTar } from "modern-tar/fs"
import { blob, layers, out, verify } from "./download.mjs"

const kept = new Set(["file", "directory", "symlink", "link"])
const filter = ({ type, linkname }) => kept.has(type) && !(type === "symlink" && linkname.startsWith("/"))
await Promise.all(
  (await layers()).map(async ({ digest }) => {
    const target = `${out}/${digest.slice(7)}`
    mkdirSync(target, { recursive: true })
    await pipeline(await blob(digest), verify(digest), createGunzip(), unpackTar(target, { filter }))
  })
)
