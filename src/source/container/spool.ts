/**
 * A stream into a file, since a source is read anywhere and a stream only once. Inflated where it is gzip, which
 * `docker save | gzip` makes, or zstd; memory holds a piece at a time.
 */

import { createWriteStream } from "node:fs"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { types } from "node:util"
import * as Effect from "effect/Effect"
import { codeOrMessage, isError } from "../../api/codeOf.ts"
import type { Limits } from "../../api/config.ts"
import { FileSystemFailed, isReason, LimitExceeded, type Reason } from "../../api/errors.ts"
import { blockBytes } from "../../layer/tar/HeaderBlock.ts"
import { archiveForm } from "./archiveForm.ts"
import { unusable } from "./Container.ts"
import { decodeChunks } from "./decodeChunks.ts"

export type Input = AsyncIterable<Uint8Array>

/** From here on the ratio is looked at; bytes. */
const ratioFrom = 16 * 2 ** 20

const bytesOf = (chunk: unknown): Uint8Array => (types.isUint8Array(chunk) ? chunk : Buffer.from(String(chunk)))

/** Its first bytes, and all of it. */
const peek = async (
  rest: AsyncIterator<unknown>
): Promise<{ readonly first: Uint8Array; readonly whole: AsyncGenerator<Uint8Array> }> => {
  let first: Uint8Array = new Uint8Array(0)
  while (first.length < blockBytes) {
    const { done, value } = await rest.next()
    if (done === true) break
    first = Buffer.concat([first, bytesOf(value)])
  }
  const whole = async function* () {
    yield first
    for await (const chunk of { [Symbol.asyncIterator]: () => rest }) yield bytesOf(chunk)
  }
  return { first, whole: whole() }
}

/** What a caller's own iterable waits for is not waited for once `signal` says so; nor is what it does to end. */
const leaving = (input: Input, signal: AbortSignal): AsyncIterator<unknown> => {
  const chunks: AsyncIterator<unknown> = input[Symbol.asyncIterator]()
  let leave = () => {}
  signal.addEventListener("abort", () => leave(), { once: true })
  return {
    next: () =>
      new Promise((resolve, reject) => {
        leave = () => reject(signal.reason)
        if (signal.aborted) leave()
        else Promise.resolve(chunks.next()).then(resolve, reject)
      }),
    return: async () => {
      new Promise((resolve) => resolve(chunks.return?.())).catch(() => undefined)
      return { done: true, value: undefined }
    }
  }
}

/** The system's own errors, where they are about the file that is written. */
const isOurs = (error: unknown) =>
  isError(error) && "syscall" in error && (error.syscall === "write" || error.syscall === "open")

/** Interrupted, it ends the stream, and settles when the file is closed. */
export const spool = (input: Input, path: string, name: string, limits: Limits): Effect.Effect<void, Reason> => {
  const copy = async (signal: AbortSignal): Promise<void> => {
    const source = Symbol.asyncIterator in input ? input : Readable.from(input)
    const chunks = leaving(source, signal)
    const end = () => (source instanceof Readable ? source.destroy() : chunks.return?.())
    signal.addEventListener("abort", end)
    try {
      const { first, whole } = await peek(chunks)
      const compression = archiveForm(first, name)
      let [received, written] = [0, 0]
      const count = async function* (chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          received += chunk.length
          yield chunk
        }
      }
      const bounded = async function* (chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          written += chunk.length
          if (written > limits.layerBytes)
            throw new LimitExceeded({ limit: "layerBytes", maximum: limits.layerBytes, unit: "bytes", subject: name })
          if (written >= ratioFrom && written / received > limits.inflateRatio)
            throw new LimitExceeded({
              limit: "inflateRatio",
              maximum: limits.inflateRatio,
              unit: "bytes out per byte in",
              subject: name
            })
          yield chunk
        }
      }
      const file = createWriteStream(path, { flags: "wx", mode: 0o600 })
      if (compression === undefined) await pipeline(whole, count, bounded, file, { signal })
      else {
        const { createStream } = compression
        const decode = (chunks: AsyncIterable<Uint8Array>) => decodeChunks(compression, chunks, name)
        if (createStream === undefined) await pipeline(whole, count, decode, bounded, file, { signal })
        else await pipeline(whole, count, createStream(), bounded, file, { signal })
      }
    } finally {
      signal.removeEventListener("abort", end)
      end()
    }
  }
  return Effect.callback<void, Reason>((resume) => {
    const controller = new AbortController()
    const copied = copy(controller.signal)
    copied.then(
      () => resume(Effect.void),
      (error) => {
        if (isReason(error)) return resume(Effect.fail(error))
        const code = codeOrMessage(error)
        resume(
          Effect.fail(
            isOurs(error) ? new FileSystemFailed({ operation: "write", path, code }) : unusable({ name }, code)
          )
        )
      }
    )
    return Effect.promise(async () => {
      controller.abort()
      await copied.catch(() => undefined)
    })
  })
}
