import type { Observable } from "rxjs"
import { ArchiveWriter } from "../layer/tar/ArchiveWriter.ts"
import type { Part } from "../layer/tar/untar.ts"
import type { Gate } from "../reactive/Gate.ts"
import { emitGated } from "../read/blob/emitGated.ts"
import { done, serialIterator } from "../read/serialIterator.ts"
import { concatPull } from "./concatPull.ts"
import { headerOf, type TarEntry } from "./TarEntry.ts"

export type TarEntries = AsyncIterable<TarEntry> | Iterable<TarEntry>

const iteratorOf = <A>(values: AsyncIterable<A> | Iterable<A>): AsyncIterator<A> | Iterator<A> =>
  Symbol.asyncIterator in values ? values[Symbol.asyncIterator]() : values[Symbol.iterator]()

const iterate = (entries: TarEntries): AsyncIterator<Uint8Array, undefined> => {
  const writer = new ArchiveWriter()
  const outer = iteratorOf(entries)
  let inner: ReturnType<typeof iteratorOf<Uint8Array>> | undefined
  let isOver = false

  const bytesOf = (part: Part): ReadonlyArray<Uint8Array> => {
    const chunks: Array<Uint8Array> = []
    writer.push(part, (bytes) => chunks.push(bytes))
    return chunks
  }
  const generate = async function* (): AsyncGenerator<Uint8Array, undefined> {
    for (let given = await outer.next(); given.done !== true; given = await outer.next()) {
      const header = headerOf(given.value)
      yield* bytesOf({ _tag: "Begin", header })
      if (header.size > 0) {
        inner = iteratorOf(given.value.body ?? [])
        for (let piece = await inner.next(); piece.done !== true; piece = await inner.next())
          yield* bytesOf({ _tag: "Data", chunk: piece.value })
        inner = undefined
      }
      yield* bytesOf({ _tag: "End" })
    }
    const end: Array<Uint8Array> = []
    writer.end((bytes) => end.push(bytes))
    yield* end
  }
  const chunks = generate()
  /** What is being waited for ends, too: a generator's own `return` would wait for it. */
  const close = async () => {
    if (isOver) return
    isOver = true
    await Promise.all([inner?.return?.(), outer.return?.()])
  }
  const step = async () => {
    if (isOver) return done
    try {
      const chunk = await chunks.next()
      if (chunk.done !== true && !isOver) return { done: false, value: chunk.value } as const
      isOver = true
      return done
    } catch (error) {
      if (isOver) return done
      await close()
      throw error
    }
  }
  return serialIterator<Uint8Array>(step, close)
}

/**
 * Entries, as `oci.entries` and `oci.tree` give them → an archive's bytes, in PAX format.
 *
 *     asked of the archive  h──b──b──p──h──z──|
 *     asked of the entries  A──────────────B──────|
 *
 * The next entry, and the next piece of its body, is asked for when the next chunk of the archive is. Nothing waits in a queue. The
 * chunks are to be read, not written to. `return` ends the body and the entries. Errors of both are the archive's; what no archive can hold is
 * `InvalidOption`, as for `tar`.
 */
export const archive = (entries: TarEntries): AsyncIterable<Uint8Array> => ({
  [Symbol.asyncIterator]: () => iterate(entries)
})

/** The same as an observable, which emits nothing while the gate is closed, and asks the entries for nothing. */
export const archive$ = (entries: TarEntries, gate?: Gate): Observable<Uint8Array> =>
  emitGated(gate, (give) => concatPull(archive(entries), give))
