import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["**/*.test.ts"],
    pool: "forks",
    maxWorkers: 3,
    testTimeout: 300_000,
    hookTimeout: 120_000
  }
})
