/**
 * `npm run test:matrix [-- ROW… | list | quick] [--write] [--keep]`: the packed package in new projects, one for each place where
 * it is used. Each is made in a scratch directory, and runs the same program. `--write` writes the results into
 * docs/compatibility.md; `--keep` leaves the projects that failed.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { parseArgs } from "node:util"
import { startImages } from "./images.ts"
import type { MatrixRow } from "./MatrixRow.ts"
import { type Matrix, makeProject, makeTemplate, pack } from "./Project.ts"
import { rows } from "./rows/index.ts"
import { run } from "./run.ts"
import { writeTable } from "./table.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { write: { type: "boolean", default: false }, keep: { type: "boolean", default: false } }
})

/** In the order that they were named in. */
const chosen = (): ReadonlyArray<MatrixRow> => {
  if (positionals.length === 0) return rows
  return positionals.flatMap((wanted) => {
    const found = rows.filter(({ name, isQuick }) => (wanted === "quick" ? isQuick : name === wanted))
    if (found.length === 0) throw new Error(`no such row: ${wanted}; list prints their names`)
    return found
  })
}

/** How a row went, as the table says it. */
const outcomeOf = async (row: MatrixRow, matrix: Matrix): Promise<{ works: boolean; outcome: string }> => {
  const project = await makeProject(row.name, matrix)
  try {
    const exception = await row.run(project)
    await project.remove()
    return { works: true, outcome: exception === undefined ? "works" : `works; ${exception}` }
  } catch (error) {
    if (values.keep) console.log(`kept: ${project.path}`)
    else await project.remove()
    const told = error instanceof Error ? error.message : String(error)
    console.log(told)
    const reason = /^.*(?:error|Error|ERR).*$/m.exec(told)?.[0] ?? told.split("\n")[0] ?? ""
    return { works: false, outcome: `does not work: ${reason.trim()}` }
  }
}

const runRows = async (): Promise<boolean> => {
  const scratch = await mkdtemp(join(tmpdir(), "ociflow-matrix-"))
  const { registry, images } = await startImages()
  const outcomes = new Map<string, string>()
  let isWhole = true
  try {
    const tarball = await pack(dirname(dirname(import.meta.dirname)), scratch)
    const template = join(scratch, "template")
    await makeTemplate(template, tarball)
    const packages = (await run("npm", ["config", "get", "registry"], { cwd: scratch })).trim()
    const matrix = { scratch, tarball, images, registry: packages, template }
    for (const row of chosen()) {
      const began = performance.now()
      const { works, outcome } = await outcomeOf(row, matrix)
      console.log(`${row.name}: ${outcome} (${Math.round((performance.now() - began) / 1000)} s)`)
      outcomes.set(row.name, outcome)
      if (values.write) await writeTable(rows, outcomes)
      isWhole &&= works
    }
  } finally {
    await registry.close()
    if (isWhole || !values.keep) await rm(scratch, { recursive: true, force: true })
  }
  return isWhole
}

if (positionals.includes("list")) {
  for (const { name, place, isQuick } of rows) console.log(`${name}\t${place}${isQuick ? "\tquick" : ""}`)
} else if (!(await runRows())) process.exitCode = 1
