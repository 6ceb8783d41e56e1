/**
 * What travels between `ociflow/serve` and `ociflow/remote`: plain data, so that anything carries it that carries messages.
 * A call is answered once. A watcher gets the list of pulls first, then what changes: a list when a pull starts, ends or is
 * forgotten, and the latest view of each running pull.
 */
import type { ErrorView, PullView } from "../progress/PullView.ts"
import type { TrackedPull } from "./Pulls.ts"

export type Method = "start" | "get" | "cancel" | "resume" | "forget"

/** `start`: reference and options. All others: the id. */
export interface Call {
  readonly method: Method
  readonly params: ReadonlyArray<unknown>
}

/** `result` is missing where the method gives nothing. */
export type Answer = { readonly result?: TrackedPull | undefined } | { readonly error: ErrorView }

/** What a watcher is told. */
export type Update =
  | { readonly type: "list"; readonly pulls: ReadonlyArray<TrackedPull> }
  | { readonly type: "view"; readonly id: string; readonly view: PullView }

/** To the side that pulls. `next` asks for one update: a watcher that does not ask is sent nothing. */
export type ToServer = ({ readonly id: number } & Call) | { readonly next: true } | { readonly leave: true }
export type ToClient = ({ readonly id: number } & Answer) | { readonly update: Update }
