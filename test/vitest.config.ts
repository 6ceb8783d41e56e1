import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["**/*.test.ts"],
    exclude: ["interop/**", "node_modules/**"],
    pool: "forks",
    maxWorkers: 3,
    testTimeout: 60_000
  }
})
