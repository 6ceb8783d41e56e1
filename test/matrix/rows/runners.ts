/** Test runners. */
import type { MatrixRow } from "../MatrixRow.ts"

const program = (imported: string) => `${imported}
import { pulls } from "./pulls.mjs"

test("pulls", () => pulls(ociflow), 60_000)
`

export const runners: ReadonlyArray<MatrixRow> = [
  {
    name: "jest",
    place: "Jest 30.5, ES modules (`--experimental-vm-modules`)",
    run: async (project) => {
      await project.install("jest@30.5.2")
      await project.write("pulls.test.mjs", program('import * as ociflow from "ociflow"'))
      await project.write("jest.config.cjs", 'module.exports = { testMatch: ["**/*.test.mjs"], transform: {} }\n')
      await project.pulls("node", ["--experimental-vm-modules", "node_modules/jest/bin/jest.js"])
      return undefined
    }
  },
  {
    name: "vitest",
    place: "vitest 4.1",
    run: async (project) => {
      await project.install("vitest@4.1.12")
      await project.write(
        "pulls.test.mjs",
        program('import { test } from "vitest"\nimport * as ociflow from "ociflow"')
      )
      for (const pool of ["forks", "threads"]) await project.pulls("vitest", ["run", `--pool=${pool}`])
      return undefined
    }
  }
]
