/** Figures as people read them, and tables as both a terminal and Markdown show them. */

/** Some three significant digits, without an exponent; thousands set apart. */
export const digits = (value: number): string => {
  if (!Number.isFinite(value)) return "–"
  const size = Math.abs(value)
  if (size >= 10_000) return value.toFixed(0).replaceAll(/\B(?=(\d{3})+$)/g, " ")
  return value.toFixed(size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : size >= 0.01 ? 2 : 4)
}

export const megabytes = (bytes: number): string => digits(bytes / 1e6)

/** `1 layer`, `6 layers`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

/** GitHub's Markdown; numbers, which every column but the first is taken for, to the right. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>, words = 1): string => {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...rows].map((row) => [...(row[column] ?? "")].length)))
  const line = (row: ReadonlyArray<string>) =>
    `| ${widths
      .map((width, column) => {
        const cell = row[column] ?? ""
        const space = " ".repeat(width - [...cell].length)
        return column < words ? cell + space : space + cell
      })
      .join(" | ")} |`
  const rule = `|${widths.map((width, column) => (column < words ? `${"-".repeat(width + 2)}` : `${"-".repeat(width + 1)}:`)).join("|")}|`
  return [line(head), rule, ...rows.map(line)].join("\n")
}
