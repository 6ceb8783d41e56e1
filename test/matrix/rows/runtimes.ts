/** Runtimes, each by its npm package. */
import type { MatrixRow } from "../MatrixRow.ts"

const node = (name: string, version: string): MatrixRow => ({
  name,
  place: `Node ${version}, \`import\` and \`require\``,
  run: async (project) => {
    await project.tool(`node@${version}`)
    const actual = (await project.run("node", "--version")).trim()
    if (!actual.startsWith(`v${version}`)) throw new Error(`this is Node ${actual}`)
    await project.install()
    await project.pulls("node", ["main.mjs"])
    await project.pulls("node", ["main.cjs"])
    return undefined
  }
})

export const runtimes: ReadonlyArray<MatrixRow> = [
  node("node-20", "20.19.0"),
  node("node-22", "22.12.0"),
  node("node-24", "24.9.0"),
  node("node-26", "26.9.0"),
  {
    name: "bun",
    place: "Bun 1.4.5",
    run: async (project) => {
      await project.tool("bun@1.4.5")
      await project.install()
      await project.pulls("bun", ["main.mjs"])
      await project.pulls("bun", ["main.cjs"])
      return undefined
    }
  },
  {
    name: "deno",
    place: "Deno 2.9.6",
    run: async (project) => {
      await project.tool("deno@2.9.6")
      await project.install()
      await project.pulls("deno", ["run", "-A", "main.mjs"])
      return undefined
    }
  }
]
