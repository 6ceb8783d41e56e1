import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["**/*.test.ts"],
    pool: "forks",
    // Modules are loaded once for each process.
    isolate: false,
    globalSetup: ["../support/programs.ts"],
    setupFiles: ["../support/environment.ts", "../support/measure.ts", "../support/forgetSecrets.ts"],
    maxWorkers: 3,
    testTimeout: 300_000,
    hookTimeout: 120_000
  }
})
