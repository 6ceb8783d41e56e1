/** What a figure depends on beside the code. No name of the host, no path. */
import { readFile } from "node:fs/promises"
import { availableParallelism, cpus, release, totalmem } from "node:os"

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memory: number
  readonly kernel: string
  readonly system: string
  readonly node: string
}

export const machine = async (): Promise<Machine> => {
  const about = await readFile("/etc/os-release", "utf8").catch(() => "")
  return {
    cpu: (cpus()[0]?.model ?? "unknown").replaceAll(/\((R|TM)\)/g, "").replaceAll(/\s+/g, " "),
    cores: availableParallelism(),
    memory: totalmem(),
    kernel: release().split("-")[0] ?? release(),
    system: /^PRETTY_NAME="?([^"\n]*)/m.exec(about)?.[1] ?? process.platform,
    node: process.version
  }
}

export const describeMachine = ({ cpu, cores, memory, kernel, system, node }: Machine): string =>
  `${cores} cores of ${cpu}, ${Math.round(memory / 2 ** 30)} GiB, Linux ${kernel} (${system}), Node ${node}`
