/** The table in docs/compatibility.md, between two markers: a line for each row, with how it went. */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { MatrixRow } from "./MatrixRow.ts"

const page = join(import.meta.dirname, "../../docs/compatibility.md")
const [begin, end] = ["<!-- matrix: npm run test:matrix -- --write -->", "<!-- /matrix -->"]

/** The markers, and what is between them. */
export const tableOf = (text: string): string => {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/compatibility.md lacks ${from < 0 ? begin : end}`)
  return text.slice(from, to + end.length)
}

export const readTable = async (): Promise<string> => tableOf(await readFile(page, "utf8"))

/** What the table says of each row. */
export const outcomesOf = (table: string): ReadonlyMap<string, string> =>
  new Map(
    [...table.matchAll(/^\| `([^`]+)` \| .* \| (.*) \|$/gm)].map(([, name = "", outcome = ""]) => [name, outcome])
  )

/** Rows that were not run now keep what they had. */
export const writeTable = async (
  rows: ReadonlyArray<MatrixRow>,
  outcomes: ReadonlyMap<string, string>
): Promise<void> => {
  const text = await readFile(page, "utf8")
  const before = outcomesOf(tableOf(text))
  const lines = rows.map(({ name, place }) => {
    const outcome = outcomes.get(name) ?? before.get(name) ?? "was not run"
    return `| \`${name}\` | ${place} | ${outcome.replaceAll("|", "\\|").replaceAll("\n", " ")} |`
  })
  const table = [begin, "| row | where | result |", "|---|---|---|", ...lines, end].join("\n")
  await writeFile(
    page,
    text.replace(tableOf(text), () => table)
  )
}
