/** A body for users, by the one rule for every size: the first that asks reads it, once, until its entry is let go. */
import { Observable } from "rxjs"
import { BodyGone } from "../../api/errors.ts"
import type { BodyReader } from "../../layer/EntryCursor.ts"
import type { Gate } from "../../reactive/Gate.ts"
import { done, serialIterator } from "../serialIterator.ts"
import { whenOpen } from "./whenOpen.ts"

export interface EntryBodyOptions {
  /** For errors. */
  readonly path: string
  /** Makes a `Reason` the error that users see. */
  readonly named: (error: unknown) => unknown
  /** While it is closed, `body$` emits nothing. */
  readonly gate?: Gate | undefined
}

export class EntryBody implements AsyncIterable<Uint8Array> {
  readonly #reader: BodyReader
  readonly #options: EntryBodyOptions
  #isAsked = false
  #isOver = false
  #then: (() => void) | undefined

  constructor(reader: BodyReader, options: EntryBodyOptions) {
    this.#reader = reader
    this.#options = options
  }

  /** Somebody reads it, or has read it. */
  get isAsked(): boolean {
    return this.#isAsked
  }

  /** Calls `then` once its reader is done with it, however that ended. */
  whenOver(then: () => void): void {
    if (this.#isOver) then()
    else this.#then = then
  }

  /** For one reader. All others, and all who come later, read `BodyGone`. */
  take(): BodyReader {
    const { named, path } = this.#options
    if (this.#isAsked) return { read: () => Promise.reject(named(new BodyGone({ path }))), leave: () => {} }
    this.#isAsked = true
    return {
      read: async () => {
        try {
          const piece = await this.#reader.read()
          if (piece === undefined) this.#end()
          return piece
        } catch (error) {
          this.#end()
          throw named(error)
        }
      },
      leave: () => {
        this.#reader.leave()
        this.#end()
      }
    }
  }

  readonly [Symbol.asyncIterator] = (): AsyncIterator<Uint8Array, undefined> => {
    let reader: BodyReader | undefined
    let isDone = false
    const step = async () => {
      if (isDone) return done
      const value = await reader?.read().catch((error) => {
        isDone = true
        throw error
      })
      if (value !== undefined) return { done: false, value } as const
      isDone = true
      return done
    }
    const close = async () => {
      if (!isDone) reader?.leave()
      isDone = true
    }
    const iterator = serialIterator<Uint8Array>(step, close)
    return {
      ...iterator,
      next: () => {
        // At once, not in a later step: the body counts as asked for when `next` has returned.
        reader ??= this.take()
        return iterator.next()
      }
    }
  }

  readonly observable$ = new Observable<Uint8Array>((subscriber) => {
    const reader = this.take()
    subscriber.add(reader.leave)
    const step = () => {
      if (subscriber.closed) return
      reader.read().then(
        (piece) => {
          if (piece === undefined) return subscriber.complete()
          subscriber.next(piece)
          subscriber.add(whenOpen(this.#options.gate, step))
        },
        (error) => subscriber.error(error)
      )
    }
    subscriber.add(whenOpen(this.#options.gate, step))
  })

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#then?.()
  }
}
