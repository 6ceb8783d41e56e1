/** The worker as one file of JavaScript, for all processes of a run. */
import { rmdirSync, rmSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { buildSync } from "esbuild"

const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/**
 * Under tsx each process finds and compiles its modules for a second, and each closure is given its name when it is made,
 * a tenth of all that a case takes. Nor does who edits a source change a run of an hour. The file is gone when the run is.
 */
export const bundleWorker = (): string => {
  // As far from the archives as their reader's source is, and in a directory that git leaves out.
  const outfile = beside(`../dist/fuzz-${process.pid}.mjs`)
  process.once("exit", () => {
    for (const name of [outfile, `${outfile}.map`]) rmSync(name, { force: true })
    try {
      rmdirSync(beside("../dist"))
    } catch {
      // Another run has its own there.
    }
  })
  buildSync({
    entryPoints: [beside("worker.ts")],
    outfile,
    bundle: true,
    packages: "external",
    platform: "node",
    target: "node20",
    format: "esm",
    sourcemap: true,
    sourcesContent: false,
    logLevel: "warning"
  })
  return outfile
}
