/** Something to read for the micro-benchmarks that every checkout has: an archive of the installed packages. */
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { collect, layerFromFiles } from "../../src/testing/index.ts"
import { here } from "../peers/ociflow.ts"

export interface Corpus {
  readonly archive: Buffer
  readonly entries: number
}

let made: Promise<Corpus> | undefined

const make = async (): Promise<Corpus> => {
  let entries = 0
  const packages = ["effect/src", "effect/dist", "rxjs/src", "undici/lib", "sql.js/dist"]
  const files = Object.fromEntries(packages.map((name) => [name, join(here, "node_modules", name)]))
  const archive = await layerFromFiles(files, {
    keep: () => {
      entries += 1
      return true
    }
  })
  return { archive: await collect(archive.ended().content()), entries }
}

/** Some tens of megabytes: source text, declarations, source maps and a little WebAssembly. */
export const corpus = (): Promise<Corpus> => {
  made ??= make()
  return made
}

export const gzipped = async (): Promise<Buffer> => gzipSync((await corpus()).archive)
