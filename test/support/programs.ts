/** A directory for the programs of a run (`bundled.ts`), which goes when the run ends: its processes are killed. */
import { mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import type { TestProject } from "vitest/node"

declare module "vitest" {
  interface ProvidedContext {
    readonly programs: string
  }
}

export default ({ provide }: TestProject) => {
  // Beneath the repository: the packages that are left out of them are found from there.
  const path = mkdtempSync(join(import.meta.dirname, "../../node_modules/.ociflow-"))
  provide("programs", path)
  return () => rmSync(path, { recursive: true, force: true })
}
