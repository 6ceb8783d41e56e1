/** Bundlers, each by its recipe in docs/bundling.md. The bundle is run where no `node_modules` are. */
import { basename, dirname } from "node:path"
import type { MatrixRow } from "../MatrixRow.ts"
import { readRecipe } from "../recipes.ts"

const bundler = (name: string, heading: string, packages: ReadonlyArray<string>, isQuick = false): MatrixRow => ({
  name,
  place: packages.map((it) => `${it.replace(/@([^@]+)$/, " $1")}`).slice(0, 1) + (heading.split(",")[1] ?? ""),
  isQuick,
  run: async (project) => {
    const { files, build, program } = await readRecipe(heading)
    await project.install(...packages)
    for (const [file, text] of Object.entries(files)) await project.write(file, text)
    await project.run("sh", "-ec", build)
    const cwd = await project.moved(dirname(program))
    await project.pulls("node", [basename(program)], { cwd })
    return undefined
  }
})

export const bundlers: ReadonlyArray<MatrixRow> = [
  bundler("esbuild", "esbuild, ES modules", ["esbuild@0.28.2"], true),
  bundler("esbuild-cjs", "esbuild, CommonJS", ["esbuild@0.28.2"]),
  bundler(
    "rollup",
    "Rollup",
    [
      "rollup@4.68.8",
      "@rollup/plugin-commonjs@29.0.3",
      "@rollup/plugin-json@6.1.0",
      "@rollup/plugin-node-resolve@16.0.3"
    ],
    true
  ),
  bundler("rolldown", "Rolldown", ["rolldown@1.3.3"]),
  bundler("webpack", "webpack", ["webpack@5.113.0", "webpack-cli@7.3.1"]),
  bundler("vite", "Vite, SSR", ["vite@8.4.0"]),
  bundler("ncc", "ncc", ["@vercel/ncc@0.45.0"], true)
]
