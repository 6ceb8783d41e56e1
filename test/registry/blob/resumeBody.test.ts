import fc from "fast-check"
import { concat, lastValueFrom, NEVER, of, throwError, timer, toArray } from "rxjs"
import { describe, expect, test } from "vitest"
import { limitBytes } from "../../../src/reactive/limitBytes.ts"
import { skipBytes } from "../../../src/reactive/skipBytes.ts"
import { resumeBody } from "../../../src/registry/blob/resumeBody.ts"

const bytes = (from: number, to: number) => Uint8Array.from({ length: to - from }, (_, n) => (from + n) % 251)
const joined = (chunks: ReadonlyArray<Uint8Array>) => Buffer.concat(chunks)

describe("resuming", () => {
  test("is one body, however its attempts were cut, each byte asked for once", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(60), fc.array(fc.nat(9), { maxLength: 12 }), async (size, cuts) => {
        const asked: Array<number> = []
        const left = [...cuts]
        const chunks = await lastValueFrom(
          resumeBody({
            offset: 0,
            size,
            attempt: (offset) => {
              asked.push(offset)
              const cut = left.shift()
              if (cut === undefined) return of(bytes(offset, size))
              return concat(
                of(bytes(offset, Math.min(offset + cut, size))),
                throwError(() => new Error("cut"))
              )
            },
            wait: () => () => of(undefined)
          }).pipe(toArray())
        )
        expect(joined(chunks)).toEqual(joined([bytes(0, size)]))
        expect(asked).toEqual([...asked].sort((a, b) => a - b))
        // Of nothing that is missing nothing is asked for: no host has a range behind the last byte.
        expect(asked.every((offset) => offset < size)).toBe(true)
      })
    )
  })

  test("tells how much an attempt brought, and forgets it for the next subscriber", async () => {
    const progress: Array<Array<number>> = []
    const body$ = resumeBody({
      offset: 0,
      size: 2,
      attempt: (offset) =>
        concat(
          offset < 1 ? of(bytes(0, 1)) : of(),
          throwError(() => new Error("cut"))
        ),
      wait: () => {
        const told: Array<number> = []
        progress.push(told)
        return (error, brought) => (told.push(brought) > 2 ? throwError(() => error) : of(undefined))
      }
    })
    for (const _ of [1, 2]) await expect(lastValueFrom(body$)).rejects.toThrow("cut")
    expect(progress).toEqual([
      [1, 0, 0],
      [1, 0, 0]
    ])
  })

  test("waits for nothing once it is unsubscribed", () => {
    let attempts = 0
    const subscription = resumeBody({
      offset: 0,
      size: 1,
      attempt: () => throwError(() => new Error(`cut ${++attempts}`)),
      wait: () => () => (attempts > 1 ? NEVER : timer(0))
    }).subscribe()
    subscription.unsubscribe()
    expect(attempts).toBe(1)
  })
})

describe("skip and atMost", () => {
  test("cut a body at the byte, wherever its chunks begin", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 6 }), { maxLength: 8 }),
        fc.nat(50),
        fc.nat(50),
        async (chunks, from, limit) => {
          const whole = joined(chunks)
          const seen: Array<Uint8Array> = []
          let failed = false
          of(...chunks)
            .pipe(
              skipBytes(from),
              limitBytes(limit, () => "too much")
            )
            .subscribe({
              next: (chunk) => seen.push(chunk),
              error: () => {
                failed = true
              }
            })
          expect(joined(seen)).toEqual(whole.subarray(from, from + limit))
          expect(failed).toBe(whole.length > from + limit)
        }
      )
    )
  })
})
