/** What was tried of what people met with other clients, registries and builders: a line of `docs/compatibility.md`. */

export type Oracle = "ctr" | "skopeo" | "podman"

/** What those programs did with the very input: true where they took it. */
export type Verdicts = Readonly<Partial<Record<Oracle, boolean>>>

export interface Row {
  /** Public reports of it, or of its like. */
  readonly report?: string
  readonly input: string
  /** What ociflow does with it. */
  readonly behaviour: string
  /** Who says what is right: programs that were run on the input, or a document. */
  readonly oracle: Verdicts | string
  /** Why it is not as they do. */
  readonly because?: string
  /** The law that holds it: a file below `test`, and words of it. */
  readonly law: readonly [file: string, words: string]
}
