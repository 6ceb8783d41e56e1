import type { Socket } from "node:net"
import { PassThrough } from "node:stream"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { readHead, readHeads } from "../../../src/seams/undici/readHeads.ts"

const given = (text: string) => readHead(Buffer.from(text, "latin1"))?.given.toString("latin1")

describe("a head", () => {
  test("is handed on as it came, the very same bytes, where nothing is out of the ordinary", () => {
    const bytes = Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx: \r\n\r\nhi")
    expect(readHead(bytes)?.given).toBe(bytes)
  })

  test("whose lines end in LF alone, some or all, gets CR LF; the bytes after it are unchanged", () => {
    const right = "HTTP/1.1 200 OK\r\na: 1\r\nb: 2\r\n\r\nx\n\ny"
    for (const head of [
      "HTTP/1.1 200 OK\na: 1\nb: 2\n\n",
      "HTTP/1.1 200 OK\r\na: 1\nb: 2\r\n\n",
      "HTTP/1.1 200 OK\na: 1\nb: 2\n\r\n"
    ])
      expect(given(`${head}x\n\ny`), JSON.stringify(head)).toBe(right)
  })

  test("with folded lines has them on one", () => {
    expect(given("HTTP/1.1 200 OK\r\na: 1\r\n  2\r\n\t3\r\nb: 4\r\n\r\n")).toBe(
      "HTTP/1.1 200 OK\r\na: 1 2 3\r\nb: 4\r\n\r\n"
    )
  })

  test("with the same length several times gets it once; with two lengths it is left for the parser to refuse", () => {
    const head = (...lengths: ReadonlyArray<string>) => `HTTP/1.1 200 OK\r\n${lengths.join("\r\n")}\r\n\r\n`
    expect(given(head("Content-Length: 5", "a: b", "content-length:5", "Content-Length: 5"))).toBe(
      head("Content-Length: 5", "a: b")
    )
    const two = head("Content-Length: 5", "content-length: 6")
    expect(given(two)).toBe(two)
  })

  test("that is informational is left out; one that changes the protocol is not", () => {
    for (const status of ["100 Continue", "102 Processing", "103 Early Hints", "199 x"])
      expect(readHead(Buffer.from(`HTTP/1.1 ${status}\r\nlink: x\r\n\r\nrest`))).toMatchObject({
        isFinal: false,
        given: Buffer.from("rest")
      })
    expect(readHead(Buffer.from("HTTP/1.1 101 Switching\r\n\r\n"))?.isFinal).toBe(true)
  })

  test("is waited for until its blank line; what is not a head is not", () => {
    for (const beginning of ["", "H", "HTTP/", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n\r"])
      expect(readHead(Buffer.from(beginning)), beginning).toBeUndefined()
    for (const other of ["\u0015\u0003\u0001", "hello", "HTT "])
      expect(readHead(Buffer.from(other))?.isFinal, other).toBe(true)
  })
})

/** What a reader gets of these pieces, one after the other. */
const through = (pieces: ReadonlyArray<Buffer>, head = true) => {
  const socket = new PassThrough({ highWaterMark: 2 ** 20 }) as unknown as Socket & PassThrough
  const awaited = { head }
  readHeads(socket, awaited)
  const got: Array<Buffer> = []
  let error: unknown
  socket.on("error", (it) => {
    error = it
  })
  for (const piece of pieces) {
    socket.write(piece)
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) got.push(chunk)
  }
  return { text: Buffer.concat(got).toString("latin1"), awaited, destroyed: socket.destroyed, error: () => error }
}

describe("heads of a connection", () => {
  const sent =
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\nlink: </x>\n\nHTTP/1.1 200 OK\na: 1\n 2\n\nHTTP/1.1 100 no head\r\n\r\n\n"
  const right = "HTTP/1.1 200 OK\r\na: 1 2\r\n\r\nHTTP/1.1 100 no head\r\n\r\n\n"

  test("are the same however they arrive; a body is not looked at", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 30 }), (lengths) => {
        const pieces: Array<Buffer> = []
        let left = Buffer.from(sent, "latin1")
        for (const length of lengths) {
          pieces.push(left.subarray(0, length))
          left = left.subarray(length)
        }
        const { text, awaited } = through([...pieces, left])
        expect([text, awaited.head]).toEqual([right, false])
      })
    )
    expect(through([Buffer.from(sent, "latin1")], false).text).toBe(sent)
  })

  test("may take 32 KiB and no more, however many they are", async () => {
    const early = Buffer.from("HTTP/1.1 103 Early Hints\r\n\r\n")
    const many = (count: number) => Array.from({ length: count }, () => early)
    const most = Math.floor(32_768 / early.length)
    expect(through(many(most)).destroyed).toBe(false)
    const over = through(many(most + 1))
    expect(over.destroyed).toBe(true)
    await new Promise((resolve) => setImmediate(resolve))
    expect(over.error()).toMatchObject({ code: "UND_ERR_HEADERS_OVERFLOW" })
    expect(through([Buffer.from(`HTTP/1.1 200 OK\r\na: ${"x".repeat(40_000)}`)]).destroyed).toBe(true)
  })
})
