/** Rows as text in columns, two spaces between them. The cells are printable and of single-width characters. */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const width = (at: number) => Math.max(...rows.map((row) => row[at]?.length ?? 0))
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(width(at)))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}
