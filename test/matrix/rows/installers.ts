/** Package managers, with and without install scripts and optional packages. */
import { access } from "node:fs/promises"
import { join } from "node:path"
import type { MatrixRow } from "../MatrixRow.ts"
import type { Project } from "../Project.ts"

const isThere = ({ path }: Project, name: string) =>
  access(join(path, "node_modules", name)).then(
    () => true,
    () => false
  )

const effect = "effect@4.1.0"

const yarn = async (project: Project, linker: string) => {
  await project.tool("@yarnpkg/cli-dist@4.18.1")
  await project.write("yarn.lock", "")
  await project.write(".yarnrc.yml", `nodeLinker: ${linker}\nenableGlobalCache: false\n`)
  await project.run("yarn", "add", `ociflow@file:${project.tarball}`, effect)
}

export const installers: ReadonlyArray<MatrixRow> = [
  {
    name: "npm",
    place: "npm 11",
    run: async (project) => {
      await project.install()
      await project.pulls("node", ["main.mjs"])
      return undefined
    }
  },
  {
    name: "npm-ignore-scripts",
    place: "npm, `--ignore-scripts`",
    run: async (project) => {
      await project.installWith("--ignore-scripts")
      await project.pulls("node", ["main.mjs"])
      return undefined
    }
  },
  {
    name: "npm-omit-optional",
    place: "npm, `--omit=optional`",
    isQuick: true,
    run: async (project) => {
      await project.installWith("--omit=optional")
      if (await isThere(project, "koffi")) throw new Error("koffi was installed")
      await project.pulls("node", ["main.mjs"])
      await project.pulls("node", ["main.mjs"], { options: { layout: "overlay" } })
      return undefined
    }
  },
  {
    name: "pnpm",
    place: "pnpm 12",
    run: async (project) => {
      await project.tool("pnpm@12.21.0")
      const store = ["--store-dir", join(project.path, "../pnpm")]
      await project.run("pnpm", "add", ...store, "--config.strict-dep-builds=false", project.tarball)
      await project.pulls("node", ["main.mjs"])
      return undefined
    }
  },
  {
    name: "yarn",
    place: "Yarn 4.18, `nodeLinker: node-modules`",
    run: async (project) => {
      await yarn(project, "node-modules")
      await project.pulls("node", ["main.mjs"])
      return undefined
    }
  },
  {
    name: "yarn-pnp",
    place: "Yarn 4.18, Plug'n'Play",
    isQuick: true,
    run: async (project) => {
      await yarn(project, "pnp")
      if (await isThere(project, "ociflow")) throw new Error("there are node_modules")
      await project.pulls("yarn", ["node", "main.mjs"])
      return undefined
    }
  },
  {
    name: "bun-install",
    place: "`bun install`, run by Node",
    run: async (project) => {
      await project.tool("bun@1.4.5")
      await project.run("bun", "add", project.tarball)
      await project.pulls("node", ["main.mjs"])
      return undefined
    }
  }
]
