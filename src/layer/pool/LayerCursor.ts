/** What a worker reads of one layer → entries, as they are asked for. Credit goes back to the worker when more is asked for. */
import type { Subscription } from "rxjs"
import { BodyGone } from "../../api/errors.ts"
import { countRead } from "../../seams/v8/collectHeap.ts"
import { decodeName } from "../decodeName.ts"
import type { EntryHeader } from "../Entry.ts"
import type { ArchiveEntry, BodyReader, EntryCursor } from "../EntryCursor.ts"
import type { EntryMessage } from "../messages/WorkerMessage.ts"
import { weight } from "../messages/weight.ts"
import type { RingWriter } from "../Ring.ts"
import { Ask } from "./Ask.ts"
import { SparseBody } from "./SparseBody.ts"

/** Bytes that are handed on before others have their turn on the event loop. */
const turnBytes = 2 ** 20

/** Where the messages come from: the job's start, and how it ends. */
export interface LayerMessages {
  readonly message: (message: EntryMessage) => void
  readonly end: (failure?: { readonly error: unknown }) => void
  /** The ring of the worker that has the job; it may have another one after the end. */
  readonly ring: (ring: RingWriter) => void
}

/** The body of the latest entry. */
interface Body {
  readonly header: EntryHeader
  /** Of a body that comes in several messages: which one of the job it is. */
  readonly streamed: number | undefined
  readonly stored: SparseBody
  /** What has come and is not handed on. */
  pieces: Iterator<Uint8Array> | undefined
  /** No more of it will come. */
  isWhole: boolean
  isLeft: boolean
  asked: Ask<Uint8Array | undefined> | undefined
}

const goneOf = ({ header }: Body) => new BodyGone({ path: decodeName(header.path) })

export class LayerCursor implements EntryCursor {
  readonly #start: (messages: LayerMessages) => Subscription
  readonly #waiting: Array<EntryMessage> = []
  readonly #asked: Array<Ask<ArchiveEntry | undefined>> = []
  #job: Subscription | undefined
  #ring: RingWriter | undefined
  #ended: { readonly error?: unknown } | undefined
  #closed: unknown
  #body: Body | undefined
  #streamed = 0
  /** Credit of what was handed on last. */
  #owed = 0
  #handed = 0
  #isResting = false

  /** The job starts when the first entry is asked for. */
  constructor(start: (messages: LayerMessages) => Subscription) {
    this.#start = start
  }

  readonly next = (): Promise<ArchiveEntry | undefined> => {
    this.#letGo()
    const ask = new Ask<ArchiveEntry | undefined>()
    this.#asked.push(ask)
    if (this.#job === undefined && this.#ended === undefined) this.#begin()
    this.#give()
    return ask.promise
  }

  readonly close = (): void => {
    if (this.#closed !== undefined) return
    const error = new DOMException("the entries were closed", "AbortError")
    this.#closed = error
    this.#ended = { error }
    this.#waiting.length = 0
    this.#ring = undefined
    this.#body?.asked?.reject(error)
    for (const ask of this.#asked.splice(0)) ask.reject(error)
    this.#job?.unsubscribe()
  }

  #begin(): void {
    const end = (failure?: { readonly error: unknown }) => {
      if (this.#ended !== undefined) return
      this.#ring = undefined
      this.#ended = failure ?? {}
      this.#give()
    }
    this.#job = this.#start({
      message: (message) => {
        if (this.#ended !== undefined) return
        this.#waiting.push(message)
        this.#give()
      },
      end,
      ring: (ring) => {
        this.#ring = ring
      }
    })
  }

  #repay(bytes: number): void {
    this.#ring?.giveBack(bytes)
  }

  #repayLast(): void {
    if (this.#owed > 0) this.#repay(this.#owed)
    this.#owed = 0
  }

  #letGo(): void {
    const body = this.#body
    if (body === undefined) return
    this.#body = undefined
    this.#settle(body, (ask) => ask.reject(goneOf(body)))
    this.#leave(body)
    this.#repayLast()
  }

  #leave(body: Body): void {
    if (body.isLeft) return
    body.isLeft = true
    body.pieces = undefined
    if (body.streamed !== undefined && !body.isWhole) this.#ring?.decide(body.streamed, false)
  }

  #give(): void {
    if (this.#body?.asked !== undefined) this.#givePieces(this.#body)
    while (this.#asked.length > 0 && this.#giveEntry()) {}
  }

  /** Says whether more could be given. */
  #giveEntry(): boolean {
    const message = this.#waiting.shift()
    if (message === undefined) {
      if (this.#ended === undefined) return false
      const ask = this.#asked.shift()
      if ("error" in this.#ended) ask?.reject(this.#ended.error)
      else ask?.resolve(undefined)
      return true
    }
    const bytes = weight(message)
    // The rest of a body that was let go.
    if (message._tag === "Data" || message._tag === "End") {
      this.#repay(bytes)
      return true
    }
    const { header } = message
    const stored = new SparseBody(header)
    const isWhole = message._tag === "Entry"
    const body: Body = {
      header,
      streamed: isWhole ? undefined : ++this.#streamed,
      stored,
      pieces: isWhole ? stored.all(message.body) : undefined,
      isWhole,
      isLeft: false,
      asked: undefined
    }
    this.#body = body
    this.#owed = bytes
    this.#asked.shift()?.resolve({ header, body: this.#reader(body) })
    if (this.#asked.length > 0) this.#letGo()
    return true
  }

  #reader(body: Body): BodyReader {
    let isWanted = body.streamed === undefined
    return {
      read: () => {
        if (this.#body !== body || body.isLeft || this.#closed !== undefined) {
          const isOurs = this.#body === body && !body.isLeft
          return Promise.reject(isOurs ? this.#closed : goneOf(body))
        }
        if (!isWanted && body.streamed !== undefined) {
          isWanted = true
          this.#ring?.decide(body.streamed, true)
        }
        body.asked = new Ask()
        const { promise } = body.asked
        this.#givePieces(body)
        return promise
      },
      leave: () => {
        if (this.#body !== body) return
        this.#leave(body)
        this.#settle(body, (ask) => ask.resolve(undefined))
      }
    }
  }

  #givePieces(body: Body): void {
    if (body.asked === undefined || this.#isResting) return
    const piece = this.#nextPiece(body)
    if (piece === "end") this.#settle(body, (ask) => ask.resolve(undefined))
    else if (piece !== undefined) this.#givePiece(body, piece)
    else if (this.#ended !== undefined) this.#settle(body, (ask) => ask.reject(this.#ended?.error))
  }

  /** Nothing where more has to come first. */
  #nextPiece(body: Body): Uint8Array | "end" | undefined {
    for (;;) {
      const piece = body.pieces?.next()
      if (piece !== undefined && piece.done !== true) return piece.value
      body.pieces = undefined
      if (body.isWhole) return "end"
      // A large header alone can be more than may be under way: its credit goes back before its body is waited for.
      this.#repayLast()
      const message = this.#waiting.shift()
      if (message === undefined) return undefined
      this.#owed = weight(message)
      if (message._tag === "Data") {
        countRead(message.chunk.length)
        body.pieces = body.stored.of(message.chunk)
      } else {
        body.pieces = body.stored.end()
        body.isWhole = true
      }
    }
  }

  #settle(body: Body, how: (ask: Ask<Uint8Array | undefined>) => void): void {
    const { asked } = body
    body.asked = undefined
    if (asked !== undefined) how(asked)
  }

  #givePiece(body: Body, piece: Uint8Array): void {
    this.#handed += piece.length
    const give = () => this.#settle(body, (ask) => ask.resolve(piece))
    if (this.#handed < turnBytes) {
      give()
      return
    }
    this.#handed = 0
    this.#isResting = true
    setImmediate(() => {
      this.#isResting = false
      give()
      this.#give()
    })
  }
}
