import { join } from "node:path"
import { defineConfig } from "vitest/config"
import { times } from "./support/runs.ts"

/** It goes through the whole heap, which is small in a process of its own. */
const heaps = "pull/manyPulls.test.ts"

/** Sigstore's packages from this directory: the current ones, which Node 20 does not take. */
const { SIGSTORE_FROM: sigstore } = process.env
const signatures =
  sigstore === undefined ? [] : [{ find: /^@sigstore\//, replacement: `${sigstore}/node_modules/@sigstore/` }]

/** As the pools import it. */
const worker = { find: /^\.\/ExtractionWorker\.ts$/, replacement: join(import.meta.dirname, "support/KeptWorker.ts") }

const common = {
  root: import.meta.dirname,
  pool: "forks" as const,
  setupFiles: [
    "support/measure.ts",
    "support/forgetEnvironment.ts",
    "support/forgetSecrets.ts",
    // It loads fast-check, which most files do without.
    ...(times === 1 ? [] : ["support/moreRuns.ts"])
  ],
  testTimeout: 60_000 * times,
  hookTimeout: 60_000
}

export default defineConfig({
  test: {
    root: import.meta.dirname,
    maxWorkers: 4,
    projects: [
      {
        resolve: { alias: [...signatures, worker] },
        // Modules are loaded once for each process: a test that replaces one puts it back.
        test: {
          ...common,
          name: "all",
          globalSetup: ["support/programs.ts"],
          isolate: false,
          include: ["**/*.test.ts"],
          exclude: ["interop/**", "node_modules/**", heaps]
        }
      },
      { test: { ...common, name: "heaps", isolate: true, include: [heaps] } }
    ]
  }
})
