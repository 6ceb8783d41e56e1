import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import * as Effect from "effect/Effect"
import { delay, endWith, ignoreElements, lastValueFrom, map, type OperatorFunction, Subject, tap } from "rxjs"
import { afterAll, describe, expect, test } from "vitest"
import { CorruptLayer, FileSystemFailed, LimitExceeded, type Reason, UnsafeEntry } from "../../../src/api/errors.ts"
import { ExtractionPool } from "../../../src/layer/pool/ExtractionPool.ts"
import { verifyDigest } from "../../../src/layer/verifyDigest.ts"
import { digestErrorFirst } from "../../../src/layer/worker/digestErrorFirst.ts"
import { Gate } from "../../../src/reactive/Gate.ts"
import { digestOf, tar } from "../../../src/testing/index.ts"
import { it } from "../../support/effect.ts"
import { gated } from "../readArchive.ts"

const digest = "sha256:0"

const faults: ReadonlyArray<Reason> = [
  new CorruptLayer({ digest, stage: "untar", problem: "x" }),
  new UnsafeEntry({ digest, path: "x", problem: "x" }),
  new LimitExceeded({ limit: "entries", maximum: 1, unit: "entries", subject: "x" })
]

describe("the operator", () => {
  /** Fails at the second chunk. */
  const failing =
    (reason: Reason): OperatorFunction<Uint8Array, Uint8Array> =>
    (bytes) =>
      bytes.pipe(
        map((chunk, index) => {
          if (index === 0) return chunk
          throw reason
        })
      )

  const run = (reason: Reason, expected: string, size: number) => {
    const gate = new Gate()
    const bytes = Buffer.alloc(100, "x")
    let read = 0
    gate.close()
    const result = lastValueFrom(
      gated(bytes, gate, [10]).pipe(
        tap((chunk) => {
          read += chunk.length
        }),
        verifyDigest("blob", expected === "" ? digestOf(bytes) : expected, size),
        digestErrorFirst(failing(reason))
      )
    ).catch((error) => error)
    gate.open()
    return result.then((error) => ({ error, read }))
  }

  test.each(faults)("$_tag comes when all bytes are proven", async (reason) => {
    expect(await run(reason, "", 100)).toEqual({ error: reason, read: 100 })
  })

  test.each(faults)("a wrong digest goes before $_tag", async (reason) => {
    expect((await run(reason, `sha256:${"0".repeat(64)}`, 100)).error).toMatchObject({ _tag: "DigestMismatch" })
  })

  test.each(faults)("a wrong size goes before $_tag, and nothing past the size is read", async (reason) => {
    const { error, read } = await run(reason, "", 50)
    expect(error).toMatchObject({ _tag: "SizeMismatch" })
    expect(read).toBe(60)
  })

  test.each(faults)("$_tag that is found at the end, or after it, comes then", async (reason) => {
    const bytes = new Subject<Uint8Array>()
    const stages: OperatorFunction<Uint8Array, never> = (source) =>
      source.pipe(
        ignoreElements(),
        endWith(0),
        delay(1),
        map(() => {
          throw reason
        })
      )
    const result = lastValueFrom(bytes.pipe(digestErrorFirst(stages))).catch((error) => error)
    bytes.next(Uint8Array.of(1))
    bytes.complete()
    expect(await result).toBe(reason)
  })

  test("what the disk refuses is said at once", async () => {
    const reason = new FileSystemFailed({ operation: "write", path: "x", code: "ENOSPC" })
    expect(await run(reason, "", 100)).toEqual({ error: reason, read: 20 })
  })
})

describe("in the worker", () => {
  const root = mkdtempSync(join(tmpdir(), "ociflow-proven-"))
  afterAll(() => rmSync(root, { recursive: true }))

  const archive = tar().symlink("up", "/").file("x/../../.wh.", "").file("rest", "x".repeat(500_000)).end().bytes()
  const blob = gzipSync(archive, { level: 0 })
  const mediaType = "application/vnd.oci.image.layer.v1.tar+gzip"
  const job = { digest: digestOf(blob), diffId: digestOf(archive), mediaType, size: blob.length }
  const extract = (over: Partial<typeof job>) =>
    ExtractionPool.use((pool) =>
      Effect.promise(() =>
        lastValueFrom(
          pool.extract$({ ...job, ...over, directory: mkdtempSync(join(root, "l-")) }, (gate) => gated(blob, gate))
        ).catch((error) => error)
      )
    ).pipe(Effect.provide(ExtractionPool.layer({ workers: 1 })))

  it.live("an unsafe entry at the front of a layer that is what its digest says is an UnsafeEntry", () =>
    Effect.map(extract({}), (error) => expect(error).toMatchObject({ _tag: "UnsafeEntry" }))
  )

  it.live("in a layer that is not, it is a DigestMismatch", () =>
    Effect.map(extract({ digest: digestOf(archive) }), (error) =>
      expect(error).toMatchObject({ _tag: "DigestMismatch", actual: job.digest })
    )
  )

  it.live("in one that is longer or shorter, a SizeMismatch", () =>
    Effect.gen(function* () {
      for (const size of [job.size - 1, job.size + 1])
        expect(yield* extract({ size })).toMatchObject({ _tag: "SizeMismatch", expected: size })
    })
  )
})
