/** Writes that a disk takes in part, or not at all. No disk does so on demand: the file stands in for it. */
import { mkdtemp, open, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, test, vi } from "vitest"
import { Tail } from "../../../src/store/blobs/Tail.ts"

const blob = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251))
const failure = (code: string) => Object.assign(new Error("no"), { code })

/** `refuse`: for each write, how many of its bytes are written; all, if it gives nothing. Throws to fail after them. */
const withTail = async (
  refuse: (bytes: Buffer) => { readonly most?: number; readonly error?: Error } | undefined,
  use: (tail: Tail, content: () => Promise<Buffer>) => Promise<void>
) => {
  const directory = await mkdtemp(join(tmpdir(), "ociflow-tail-"))
  const path = join(directory, "tail")
  const file = await open(path, "a+")
  try {
    const writev = async (chunks: ReadonlyArray<Uint8Array>) => {
      const bytes = Buffer.concat(chunks)
      const { most = bytes.length, error } = refuse(bytes) ?? {}
      await file.appendFile(bytes.subarray(0, most))
      if (error !== undefined) throw error
      return { bytesWritten: most, buffers: chunks }
    }
    const refusing = new Proxy(file, {
      get: (target, name) => {
        const value = Reflect.get(target, name)
        return name === "writev" ? writev : typeof value === "function" ? value.bind(target) : value
      }
    })
    await use(new Tail(refusing, 0), () => readFile(path))
  } finally {
    await file.close()
    await rm(directory, { recursive: true })
  }
}

describe("what is appended", () => {
  test("is written once 128 KiB wait, or a tenth of a second has passed", () =>
    withTail(
      () => undefined,
      async (tail, content) => {
        vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
        try {
          tail.append(blob.subarray(0, 2 ** 17 - 1))
          expect([tail.size, tail.pending, vi.getTimerCount()]).toEqual([0, 2 ** 17 - 1, 1])
          tail.append(blob.subarray(2 ** 17 - 1, 2 ** 17))
          expect(vi.getTimerCount()).toBe(0)
          await tail.flush()
          expect([tail.size, tail.pending]).toEqual([2 ** 17, 0])
          tail.append(blob.subarray(2 ** 17, 2 ** 17 + 5))
          tail.append(blob.subarray(2 ** 17 + 5, 2 ** 17 + 10))
          vi.advanceTimersByTime(99)
          expect(vi.getTimerCount()).toBe(1)
          vi.advanceTimersByTime(1)
          expect(vi.getTimerCount()).toBe(0)
        } finally {
          vi.useRealTimers()
        }
        await tail.flush()
        expect((await content()).equals(blob.subarray(0, 2 ** 17 + 10))).toBe(true)
      }
    ))

  test("is written in its order, also where a write is short", () => {
    let writes = 0
    return withTail(
      () => (writes++ === 0 ? { most: 1000 } : undefined),
      async (tail, content) => {
        for (let at = 0; at < blob.length; at += 30_000) tail.append(blob.subarray(at, at + 30_000))
        await tail.flush()
        expect([tail.size, tail.pending]).toEqual([blob.length, 0])
        expect((await content()).equals(blob)).toBe(true)
        expect(writes).toBeGreaterThan(1)
      }
    )
  })
})

describe("a write that fails", () => {
  test.each(["ENOSPC", "EDQUOT", "EFBIG"])(
    "for want of room (%s) leaves nothing, and nothing is written behind it",
    (code) => {
      let writes = 0
      return withTail(
        () => (++writes === 2 ? { most: 7, error: failure(code) } : undefined),
        async (tail, content) => {
          for (const at of [0, 10, 20]) {
            tail.append(blob.subarray(at, at + 10))
            await tail.flush()
          }
          expect([tail.isFull, tail.size, tail.pending, writes]).toEqual([true, 10, 0, 2])
          expect((await content()).equals(blob.subarray(0, 10))).toBe(true)
          await tail.clear()
          expect([tail.isFull, tail.size]).toEqual([false, 0])
          tail.append(blob.subarray(0, 5))
          await tail.flush()
          expect((await content()).equals(blob.subarray(0, 5))).toBe(true)
        }
      )
    }
  )

  test("for another reason is told by each flush from then on, and nothing is written behind it, until all is cleared", () => {
    let writes = 0
    return withTail(
      () => (++writes === 2 ? { most: 7, error: failure("EIO") } : undefined),
      async (tail, content) => {
        tail.append(blob.subarray(0, 10))
        await tail.flush()
        tail.append(blob.subarray(10, 20))
        await expect(tail.flush()).rejects.toThrow("no")
        tail.append(blob.subarray(20, 30))
        await expect(tail.flush()).rejects.toThrow("no")
        expect([tail.isFull, tail.size, writes]).toEqual([false, 10, 2])
        expect((await content()).equals(blob.subarray(0, 10))).toBe(true)
        await tail.clear()
        tail.append(blob.subarray(0, 5))
        await tail.flush()
        expect((await content()).equals(blob.subarray(0, 5))).toBe(true)
        expect([tail.size, tail.pending]).toEqual([5, 0])
      }
    )
  })
})
