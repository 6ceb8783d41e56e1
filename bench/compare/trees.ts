/** Both revisions built alike, side by side in a directory of their own: no tree has the shorter path or the warmer one. */
import { access, cp, mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { run } from "../measure/Command.ts"
import { here } from "../peers/ociflow.ts"

export interface Trees extends AsyncDisposable {
  readonly ours: string
  readonly theirs: string
  /** The other revision's short name. */
  readonly revision: string
}

/** What the build needs. */
export const parts = ["src", ".build", "package.json", "package-lock.json", "tsconfig.json"]

const git = (...args: ReadonlyArray<string>) => run({ argv: ["git", "-C", here, ...args] })

/** The dependencies of the lockfile, linked where they are installed here already. */
const install = async (tree: string): Promise<void> => {
  const lock = (directory: string) => readFile(join(directory, "package-lock.json"), "utf8").catch(() => "")
  if ((await lock(tree)) === (await lock(here))) return symlink(join(here, "node_modules"), join(tree, "node_modules"))
  console.error("Another lockfile: npm ci")
  await run({ argv: ["npm", "ci", "--silent"], cwd: tree })
}

export const makeTrees = async (rev: string): Promise<Trees> => {
  const revision = (await git("rev-parse", "--short", "--verify", `${rev}^{commit}`)).trim()
  const scratch = await mkdtemp(join(tmpdir(), "ociflow-compare-"))
  const [ours, theirs] = [join(scratch, "ours"), join(scratch, "them")]
  const close = async () => {
    await git("worktree", "remove", "--force", theirs).catch(() => {})
    await rm(scratch, { recursive: true, force: true })
  }
  try {
    // This tree as it is, with what is not committed; a copy, so that it may be worked on meanwhile.
    await mkdir(ours)
    for (const name of parts) {
      await cp(join(here, name), join(ours, name), { recursive: true })
    }
    await git("worktree", "add", "--detach", theirs, revision)
    for (const tree of [ours, theirs]) {
      await install(tree)
      await run({ argv: ["npm", "run", "build"], cwd: tree })
      await access(join(tree, "dist/index.js"))
    }
    return { ours, theirs, revision, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}
