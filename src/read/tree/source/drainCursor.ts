/** Reads a cursor to its end, and the entries that it gives as a whole. */
import * as Effect from "effect/Effect"
import type { Limits } from "../../../api/config.ts"
import { printable, type Reason } from "../../../api/errors.ts"
import { decode } from "../../../layer/Directory.ts"
import type { ArchiveEntry, EntryCursor } from "../../../layer/EntryCursor.ts"
import { atMost } from "../../../layer/limits.ts"
import { fromPromise } from "./fromPromise.ts"

/** All that a cursor gives, which is closed then. */
export const drainCursor = <A, B>(
  cursor: EntryCursor<A>,
  use: (value: A) => Promise<B> | B
): Effect.Effect<ReadonlyArray<B>, Reason> =>
  fromPromise(async () => {
    const all: Array<B> = []
    for (let value = await cursor.next(); value !== undefined; value = await cursor.next()) all.push(await use(value))
    return all
  }).pipe(Effect.ensuring(Effect.sync(cursor.close)))

/** The bytes of a file, at most `bodyBytes`. `path`: what it is called by, a binary string. */
export const content =
  (limits: Limits, path: string) =>
  async ({ header, body }: ArchiveEntry): Promise<Buffer> => {
    atMost(limits, "bodyBytes", header.size, () => `file ${JSON.stringify(printable(decode(path), 120))}`)
    const whole = Buffer.alloc(header.size)
    let at = 0
    for (let piece = await body.read(); piece !== undefined; piece = await body.read()) {
      whole.set(piece, at)
      at += piece.length
    }
    return whole
  }
