import type { Observable, ObservableInput } from "rxjs"
import type { EntriesOptions, Watching } from "../../api/config.ts"
import type { EntryType } from "../../layer/Entry.ts"

/**
 * An entry as users see it: a name, the facts, and a body that is read only if somebody asks. The body is read once, by
 * `body`, `body$`, `bytes` or `text`, until the entry is let go: until the next one is asked for or, where a function was
 * given for each entry, what that returned has completed. Later, and a second time, each of them fails with `BodyGone`,
 * whatever the size. All errors of bodies are `PullError`s. Where reading is ended meanwhile, they fail with a
 * `DOMException` called `AbortError`.
 */
export interface Entry {
  /** The path decoded as UTF-8; bytes that are none become U+FFFD. */
  readonly path: string
  /** The path byte for byte, as a binary (latin1) string. */
  readonly rawPath: string
  /** Target of a symlink or hard link, decoded as UTF-8. */
  readonly linkPath?: string
  readonly type: EntryType
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes of the body, holes among them. */
  readonly size: number
  readonly mtime: Date
  readonly xattrs: ReadonlyMap<string, Uint8Array>
  /** Digest of the layer's blob. */
  readonly layer: string
  /**
   * The body in pieces of at most 1 MiB, each read when it is asked for: `for await (const piece of entry.body)`, or
   * `ReadableStream.from(entry.body)`. The pieces are to be read, not written to: those of a hole share their memory.
   */
  readonly body: AsyncIterable<Uint8Array>
  /**
   * The same pieces, as they come: for observers that are done with a piece when their `next` returns. An observable
   * cannot wait for an observer that is not; such a one reads `body`, or closes the gate.
   */
  readonly body$: Observable<Uint8Array>
  /** The whole body. More than `limits.bodyBytes`, holes counted, is `LimitExceeded`, before any of it is read. */
  readonly bytes: () => Promise<Uint8Array>
  /** The whole body as UTF-8; bounded as `bytes`. */
  readonly text: () => Promise<string>
}

/** `entries$`: with a function for each entry, or without. */
export interface EntriesFunction {
  (reference: string, options?: EntriesOptions & Watching): Observable<Entry>
  <A>(
    reference: string,
    options: (EntriesOptions & Watching) | undefined,
    project: (entry: Entry, index: number) => ObservableInput<A>
  ): Observable<A>
}
