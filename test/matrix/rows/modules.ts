/** How a program asks for the package, and what its types are to a compiler. */
import type { MatrixRow } from "../MatrixRow.ts"

const typescript = (name: string, version: string): MatrixRow => ({
  name,
  place: `TypeScript ${version}: \`node16\`, \`nodenext\`, \`bundler\`, \`skipLibCheck: false\``,
  run: async (project) => {
    await project.install(`typescript@${version}`, "@types/node@20.19.9")
    const foreign = new Set<string>()
    for (const [module, moduleResolution] of [
      ["node16", "node16"],
      ["nodenext", "nodenext"],
      ["esnext", "bundler"]
    ]) {
      const outDir = `out-${moduleResolution}`
      const compilerOptions = {
        module,
        moduleResolution,
        outDir,
        target: "es2022",
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        types: ["node"]
      }
      await project.write("tsconfig.json", JSON.stringify({ compilerOptions, files: ["main.mts"] }))
      const told = await project.told("tsc", "-p", ".", "--pretty", "false")
      const errors = told.split("\n").filter((line) => /error TS\d+/.test(line))
      const ours = errors.filter((line) => !/^node_modules\/(?!ociflow\/)/.test(line))
      if (ours.length > 0) throw new Error(ours.join("\n"))
      for (const line of errors) foreign.add(/^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(line)?.[1] ?? "")
      await project.run("cp", "pulls.mjs", outDir)
      await project.pulls("node", [`${outDir}/main.mjs`])
    }
    return foreign.size === 0 ? undefined : `the declarations of ${[...foreign].join(", ")} need \`skipLibCheck\``
  }
})

export const modules: ReadonlyArray<MatrixRow> = [
  {
    name: "require",
    place: "CommonJS: `require`",
    run: async (project) => {
      await project.install()
      await project.pulls("node", ["main.cjs"])
      return undefined
    }
  },
  typescript("typescript-5.4", "5.4.5"),
  typescript("typescript-5.9", "5.9.3"),
  typescript("typescript-7", "7.0.2")
]
