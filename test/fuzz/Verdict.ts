/** A case of any kind, and what it came to. */
export interface Case {
  readonly seed: string
  readonly number: number
}

export interface Verdict {
  /** That it was read, or the reason's tag. */
  readonly outcome: string
  /** The broken law. */
  readonly broken?: string
  /** What can be looked at, by the end of a file's name; until the next case. */
  readonly kept: Readonly<Record<string, Uint8Array>>
}
