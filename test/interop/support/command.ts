import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { outputOf } from "../../support/outputOf.ts"

const main = join(import.meta.dirname, "../../../dist/cli/main.js")

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The built command, in a process of its own. */
export const ociflow = async (...args: ReadonlyArray<string>): Promise<Ended> => {
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] })
  const output = outputOf(child)
  const [code] = await once(child, "close")
  return { code, ...output }
}
