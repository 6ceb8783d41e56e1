/** The entries of an archive, one at a time, as they are asked for. */
import type { EntryHeader } from "./Entry.ts"

/**
 * The bytes of one body, piece by piece. One call at a time. After its entry was let go, `read` rejects with `BodyGone`;
 * where reading failed, with a `Reason`.
 */
export interface BodyReader {
  /** The next piece, a hole of a sparse file among them; `undefined` at the end. The piece is the caller's to read, not to write to. */
  readonly read: () => Promise<Uint8Array | undefined>
  /** Leaves the rest. The worker passes over what it has not sent. */
  readonly leave: () => void
}

/** An entry as the archive tells it; its body can be read until the next entry is asked for. */
export interface ArchiveEntry {
  readonly header: EntryHeader
  readonly body: BodyReader
}

/**
 * Nothing is read ahead but a bounded window: 1 MiB in messages, 1 MiB of the blob. What was handed on counts as taken
 * when the next is asked for, not before.
 */
export interface EntryCursor<A = ArchiveEntry> {
  /**
   * The next entry; `undefined` at the end, and then all bytes are verified. Lets go of the entry before: what was not read of
   * its body is passed over. Rejects with a `Reason`, after the entries that came before the failure; with an `AbortError`
   * once it is closed. A call before the last one is settled waits for that one.
   */
  readonly next: () => Promise<A | undefined>
  /** Lets go of everything: the worker, the source. May be called at any time, and twice. */
  readonly close: () => void
}
