/** Commands, with what they said where they failed. */
import { execFile } from "node:child_process"
import { delimiter } from "node:path"
import { promisify } from "node:util"

const execute = promisify(execFile)

export interface RunOptions {
  readonly cwd: string
  /** Directories to look for commands in, before those of `PATH`. */
  readonly path?: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  /** Whether what the command says is wanted although it fails. */
  readonly isTolerant?: boolean
}

const minutes = 60_000

/** Of ours, and of the npm that started this program. */
const isForeign = (name: string) => !/^(npm_|NODE_OPTIONS$|INIT_CWD$|OCI|VITEST)/i.test(name)

export const run = async (
  command: string,
  args: ReadonlyArray<string>,
  { cwd, path = [], env = {}, isTolerant = false }: RunOptions
): Promise<string> => {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => isForeign(name)))
  const PATH = [...path, process.env["PATH"] ?? ""].join(delimiter)
  const options = { cwd, env: { ...inherited, CI: "1", ...env, PATH }, timeout: 10 * minutes, maxBuffer: 2 ** 26 }
  try {
    const { stdout, stderr } = await execute(command, args, options)
    return `${stdout}${stderr}`
  } catch (error) {
    const { stdout, stderr } = error as { readonly stdout?: string; readonly stderr?: string }
    const told = `${stdout ?? ""}${stderr ?? ""}`.trim()
    if (isTolerant) return told
    throw new Error(`${command} ${args.join(" ")}\n${told === "" ? String(error) : told}`)
  }
}
