/**
 * The largest document, in bytes, whose values are in its row. The database is in memory as a whole, and its file grows there by
 * copying, so that a config of 4 MiB took ten times as much. Of a larger document the row has the digest and the size, and the
 * values are read from the document's file.
 */
const most = 65_536

export const isInRow = (size: number): boolean => size <= most
