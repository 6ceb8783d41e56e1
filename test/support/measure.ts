/** What a test file costs: seconds of CPU, of this process and of those that it started, for the reporter `slowest.ts`. */
import { readFileSync } from "node:fs"
import { afterAll } from "vitest"

/** `/proc` counts hundredths of a second of children that have ended. Elsewhere they are left out. */
const ofChildren = (): number => {
  try {
    const fields = readFileSync("/proc/self/stat", "latin1").split(") ").at(-1)?.split(" ") ?? []
    return (Number(fields[13]) + Number(fields[14])) / 100
  } catch {
    return 0
  }
}

const now = () => {
  const { user, system } = process.cpuUsage()
  return { own: (user + system) / 1e6, children: ofChildren() }
}

// A setup file is run before each test file is imported.
const before = now()
// biome-ignore lint/correctness/noEmptyPattern: Vitest reads the names of fixtures from the first parameter, and refuses one that is not a pattern.
afterAll(({}, { file }) => {
  const { own, children } = now()
  Object.assign(file.meta, { cpu: own - before.own, childrenCpu: children - before.children })
})
