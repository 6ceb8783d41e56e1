/** A new project outside of the checkout, with the packed package installed. */
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import type { Images } from "./images.ts"
import { run } from "./run.ts"

export interface Matrix {
  /** Where projects, tools and stores are made. */
  readonly scratch: string
  readonly tarball: string
  readonly images: Images
  /** The address of npm's registry. */
  readonly registry: string
  /** A directory in which the package was installed by npm, to be copied: an installation takes longer than a row. */
  readonly template: string
}

export interface PullsOptions {
  readonly cwd?: string
  /** Of the client. */
  readonly options?: Readonly<Record<string, unknown>>
  readonly image?: string
}

export interface Project extends Matrix {
  readonly path: string
  readonly write: (file: string, text: string) => Promise<void>
  /** A command of the project, of its packages or of its tools. */
  readonly run: (command: string, ...args: ReadonlyArray<string>) => Promise<string>
  /** What a command said that may fail. */
  readonly told: (command: string, ...args: ReadonlyArray<string>) => Promise<string>
  /** The package as npm installs it, and others. */
  readonly install: (...packages: ReadonlyArray<string>) => Promise<void>
  /** The package, by npm with other flags. */
  readonly installWith: (...flags: ReadonlyArray<string>) => Promise<void>
  /** A program that is not part of the project: a runtime, a package manager. From now on its commands are found. */
  readonly tool: (specifier: string) => Promise<string>
  /** Runs a program that pulls, cancels and fails. What it says. */
  readonly pulls: (command: string, args: ReadonlyArray<string>, options?: PullsOptions) => Promise<string>
  /** Moves a directory out of reach of the project, and of any `node_modules`. */
  readonly moved: (directory: string) => Promise<string>
  readonly remove: () => Promise<void>
}

const programs = join(import.meta.dirname, "programs")

const npmInstall = ["install", "--silent", "--no-audit", "--no-fund", "--prefer-offline"]

export const makeTemplate = async (template: string, tarball: string): Promise<void> => {
  await mkdir(template)
  await writeFile(join(template, "package.json"), JSON.stringify({ name: "project", version: "1.0.0", private: true }))
  await run("npm", [...npmInstall, tarball], { cwd: template })
}

export const makeProject = async (name: string, matrix: Matrix): Promise<Project> => {
  const { scratch, tarball, images, registry, template } = matrix
  const home = join(scratch, name)
  const path = join(home, "project")
  const commands = [join(path, "node_modules/.bin")]
  await cp(programs, path, { recursive: true })
  await writeFile(join(path, "package.json"), JSON.stringify({ name: "project", version: "1.0.0", private: true }))
  const env = {
    // The package managers that do not read npm's configuration.
    YARN_NPM_REGISTRY_SERVER: registry,
    YARN_ENABLE_TELEMETRY: "0",
    BUN_CONFIG_REGISTRY: registry,
    npm_config_registry: registry
  }
  const inProject = (command: string, ...args: ReadonlyArray<string>) =>
    run(command, args, { cwd: path, path: commands, env })
  let stores = 0
  let tools = 0
  return {
    ...matrix,
    path,
    write: (file, text) => writeFile(join(path, file), text),
    run: inProject,
    told: (command, ...args) => run(command, args, { cwd: path, path: commands, env, isTolerant: true }),
    install: async (...packages) => {
      for (const name of ["package.json", "package-lock.json", "node_modules"])
        await inProject("cp", "-a", join(template, name), path)
      if (packages.length > 0) await inProject("npm", ...npmInstall, "--ignore-scripts", ...packages)
    },
    installWith: async (...flags) => {
      await inProject("npm", ...npmInstall, ...flags, tarball)
    },
    tool: async (specifier) => {
      const directory = join(home, `tool-${tools++}`)
      await mkdir(directory)
      await writeFile(join(directory, "package.json"), "{}")
      await run("npm", [...npmInstall, specifier], { cwd: directory, env })
      commands.unshift(join(directory, "node_modules/.bin"))
      return join(directory, "node_modules")
    },
    pulls: async (command, args, { cwd = path, options = {}, image = images.image } = {}) => {
      const root = join(home, `store-${stores++}`)
      await mkdir(root)
      const told = await run(command, args, {
        cwd,
        path: commands,
        env: { ...env, MATRIX: JSON.stringify({ ...images, image, root, options }) }
      })
      if (!told.includes("pulled, cancelled, failed")) throw new Error(`${command} ${args.join(" ")}\n${told}`)
      return told
    },
    moved: async (directory) => {
      const place = join(home, `bundle-${basename(directory)}`)
      await rename(join(path, directory), place)
      await rename(join(path, "node_modules"), join(home, "packages"))
      return place
    },
    remove: () => rm(home, { recursive: true, force: true })
  }
}

/** The version of a package that a project has. */
export const versionOf = async (modules: string, name: string): Promise<string> =>
  JSON.parse(await readFile(join(modules, name, "package.json"), "utf8")).version

export const pack = async (repository: string, scratch: string): Promise<string> => {
  await run("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", scratch], { cwd: repository })
  const name = (await readdir(scratch)).find((it) => it.endsWith(".tgz"))
  if (name === undefined) throw new Error(`npm pack made no archive of ${dirname(repository)}`)
  return join(scratch, name)
}
