import type * as Effect from "effect/Effect"
import type { Observable, ObservableInput } from "rxjs"
import type { EntriesOptions, ReadFileOptions, TreeOptions, Watching } from "../../api/config.ts"
import type { PullError } from "../../api/errors.ts"
import type { Emit } from "../../api/events.ts"
import type { EntryType } from "../../layer/Entry.ts"

/** What an archive says of an entry, without its body. */
export type EntryFacts = Omit<Entry, "body" | "body$" | "bytes" | "text">

/**
 * An entry as users see it: a name, the facts, and a body that is read only if somebody asks. The body is read once, by
 * `body`, `body$`, `bytes` or `text`, until the entry is let go: until the next one is asked for or, where a function was
 * given for each entry, what that returned has completed. Later, and a second time, each of them fails with `BodyGone`,
 * whatever the size. All errors of bodies are `PullError`s. Where reading is ended meanwhile, they fail with a
 * `DOMException` called `AbortError`.
 */
export interface Entry {
  /** The path decoded as UTF-8; invalid bytes become U+FFFD. */
  readonly path: string
  /** The path byte for byte, as a binary (latin1) string. */
  readonly rawPath: string
  /** Target of a symlink or hard link, decoded as UTF-8. */
  readonly linkPath?: string
  /** The same byte for byte, as a binary (latin1) string. */
  readonly rawLinkPath?: string
  readonly type: EntryType
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes of the body, holes among them. */
  readonly size: number
  readonly mtime: Date
  /** The same in nanoseconds since 1970. */
  readonly mtimeNs: bigint
  /** The numbers of a character or block device. */
  readonly device?: { readonly major: number; readonly minor: number }
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

/** `tree$`: with a function for each entry, or without. */
export interface TreeFunction {
  (reference: string, options?: TreeOptions & Watching): Observable<Entry>
  <A>(
    reference: string,
    options: (TreeOptions & Watching) | undefined,
    project: (entry: Entry, index: number) => ObservableInput<A>
  ): Observable<A>
}

type Encoded = ReadFileOptions & Watching & { readonly encoding: BufferEncoding }

/** `readFile`: text with an encoding, bytes without. */
export interface ReadFileFunction {
  (reference: string, path: string, options: Encoded, emit?: Emit): Effect.Effect<string, PullError>
  (
    reference: string,
    path: string,
    options?: ReadFileOptions & Watching & { readonly encoding?: undefined },
    emit?: Emit
  ): Effect.Effect<Buffer, PullError>
  (
    reference: string,
    path: string,
    options?: ReadFileOptions & Watching,
    emit?: Emit
  ): Effect.Effect<string | Buffer, PullError>
}

/** The same as promises. */
export interface ReadFilePromise {
  (reference: string, path: string, options: Encoded): Promise<string>
  (
    reference: string,
    path: string,
    options?: ReadFileOptions & Watching & { readonly encoding?: undefined }
  ): Promise<Buffer>
  (reference: string, path: string, options?: ReadFileOptions & Watching): Promise<string | Buffer>
}
