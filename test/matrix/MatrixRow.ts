import type { Project } from "./Project.ts"

/** One place where the package is used, beside the defaults of all others: Node 20, npm, an ES module. */
export interface MatrixRow {
  /** On the command line. */
  readonly name: string
  /** In the table. */
  readonly place: string
  /** Whether CI runs it: those whose installation takes seconds. */
  readonly isQuick?: boolean
  /** Throws where it does not work. What it gives is what does not work, in one sentence. */
  readonly run: (project: Project) => Promise<string | undefined>
}
