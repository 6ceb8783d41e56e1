/** What a case mutates. */
export const kinds = ["layers", "documents", "bodies"] as const
export type Kind = (typeof kinds)[number]

export const isKind = (text: string): text is Kind => kinds.some((kind) => kind === text)

/** Of each 16 cases in a row, so that processes that take turns have them alike. */
const inARow = 16

/**
 * Documents and bodies are a sixteenth each: such a case takes longer than a layer's. A layer's case has the same number with and
 * without them.
 */
export const kindOf = (number: number): Kind => {
  const turn = Math.floor(number / inARow) % 16
  return turn === 0 ? "documents" : turn === 8 ? "bodies" : "layers"
}
