/** What a child process writes to its pipes; it grows until the process has closed them. */
import type { ChildProcess } from "node:child_process"

export const outputOf = ({ stdout, stderr }: Pick<ChildProcess, "stdout" | "stderr">) => {
  const output = { stdout: "", stderr: "" }
  stdout?.setEncoding("utf8").on("data", (text) => {
    output.stdout += text
  })
  stderr?.setEncoding("utf8").on("data", (text) => {
    output.stderr += text
  })
  return output
}
