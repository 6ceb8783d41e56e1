/** An archive's entries as a user reads them, a body of each through a gate: what comes is what the archive says, holes too. */
import { from, Subscription } from "rxjs"
import type { Limits } from "../../src/api/config.ts"
import { isReason } from "../../src/api/errors.ts"
import type { EntryHeader } from "../../src/layer/Entry.ts"
import type { EntryMessage } from "../../src/layer/messages/WorkerMessage.ts"
import { LayerCursor, type LayerMessages } from "../../src/layer/pool/LayerCursor.ts"
import type { RingWriter } from "../../src/layer/Ring.ts"
import { type Part, untar } from "../../src/layer/tar/untar.ts"
import { Gate } from "../../src/reactive/Gate.ts"
import { mapCursor } from "../../src/read/entries/concatCursors.ts"
import type { Entry } from "../../src/read/entries/Entry.ts"
import { makeEntry } from "../../src/read/entries/makeEntry.ts"
import { pushEntries } from "../../src/read/entries/pushEntries.ts"

const digest = "sha256:fuzz"

const copied = (part: Part): EntryMessage => {
  if (part._tag === "Data") return { _tag: "Data", chunk: Uint8Array.from(part.chunk) }
  if (part._tag === "Entry" && part.body !== undefined) return { ...part, body: Uint8Array.from(part.body) }
  return part as EntryMessage
}

/** `undefined` where the archive is refused. */
const messagesOf = (archive: Uint8Array, limits: Limits): ReadonlyArray<EntryMessage> | undefined => {
  const messages: Array<EntryMessage> = []
  let refused: unknown
  from([archive])
    .pipe(untar({ digest, limits, warn: () => {} }))
    .subscribe({
      next: (part) => void messages.push(copied(part)),
      error: (error) => {
        refused = error
      }
    })
  if (refused !== undefined && !isReason(refused)) throw refused
  return refused === undefined ? messages : undefined
}

/** The bodies by the archive's own maps, put together without any of what is looked at here. */
const bodiesOf = (messages: ReadonlyArray<EntryMessage>): ReadonlyArray<Buffer> => {
  const bodies: Array<Buffer> = []
  let header: EntryHeader | undefined
  let stored: Array<Uint8Array> = []
  const end = () => {
    if (header === undefined) return
    const bytes = Buffer.concat(stored)
    const body = Buffer.alloc(header.size)
    let at = 0
    for (const { offset, length } of header.sparse ?? [{ offset: 0, length: bytes.length }]) {
      bytes.copy(body, offset, at, at + length)
      at += length
    }
    bodies.push(body)
    header = undefined
    stored = []
  }
  for (const message of messages) {
    if (message._tag === "Data") stored.push(message.chunk)
    else if (message._tag === "End") end()
    else {
      header = message.header
      if (message._tag === "Begin") continue
      if (message.body !== undefined) stored.push(message.body)
      end()
    }
  }
  return bodies
}

/** The law that is broken, if any. `gated`: one piece at a time, and a turn of the event loop between two. */
export const readBodies = async (archive: Uint8Array, limits: Limits, gated: boolean): Promise<string | undefined> => {
  const messages = messagesOf(archive, limits)
  if (messages === undefined) return undefined
  const expected = bodiesOf(messages)
  const gate = new Gate()
  const ring = { giveBack: () => {}, decide: () => {} } as unknown as RingWriter
  let broken: string | undefined
  let index = 0
  let open = 0
  let waiting = 0
  const read = (entry: Entry) => {
    const body = expected[index++] ?? Buffer.alloc(0)
    if (++open > 1) broken ??= `${entry.path} comes while a body is read`
    let at = 0
    entry.body$.subscribe({
      next: (piece) => {
        if (!body.subarray(at, at + piece.length).equals(piece)) broken ??= `${entry.path} has other bytes at ${at}`
        at += piece.length
        if (!gated || entry.size <= 2 ** 20) return
        if (++waiting > 1) broken ??= `${entry.path} comes through a closed gate`
        gate.close()
        setImmediate(() => {
          waiting -= 1
          gate.open()
        })
      },
      error: (error) => {
        broken ??= `${entry.path} fails: ${error}`
        open -= 1
      },
      complete: () => {
        if (at !== entry.size) broken ??= `${entry.path} has ${at} bytes of ${entry.size}`
        open -= 1
      }
    })
  }
  const send = ({ ring: take, message, end }: LayerMessages) => {
    take(ring)
    for (const each of messages) message(each)
    end()
    return new Subscription()
  }
  const origin = { digest, limits, named: (error: unknown) => error, gate }
  const cursor = mapCursor(new LayerCursor(send), ({ header, body }) => makeEntry(origin, header, body))
  await new Promise<void>((complete, error) => pushEntries(cursor, gate).subscribe({ next: read, error, complete }))
  cursor.close()
  if (index !== expected.length) broken ??= `${index} entries of ${expected.length}`
  return broken
}
