import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["**/*.test.ts"],
    exclude: ["interop/**", "node_modules/**"],
    pool: "forks",
    // Modules are loaded once for each process: a test that replaces one puts it back.
    isolate: false,
    setupFiles: ["support/forgetSecrets.ts"],
    maxWorkers: 3,
    testTimeout: 60_000
  }
})
