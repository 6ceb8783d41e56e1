import type { Socket } from "node:net"
import { Readable } from "node:stream"
import { describe, expect, test } from "vitest"
import { readHeads } from "../../../src/seams/undici/readHeads.ts"
import { mostSteps } from "../../../src/seams/undici/readingTurns.ts"

const head = "HTTP/1.1 200 OK\r\n"
const chunked = (data: string, times: number) => {
  const line = `${data.length.toString(16)}\r\n${data}\r\n`
  return Buffer.from(`${head}transfer-encoding: chunked\r\n\r\n${line.repeat(times)}0\r\n\r\n`, "latin1")
}
const plain = (bytes: number) => Buffer.from(`${head}content-length: ${bytes}\r\n\r\n${"x".repeat(bytes)}`, "latin1")

/** Reads all of the answers as undici does, and tells the bytes that each turn took of the sockets. */
const readAll = async (answers: ReadonlyArray<Buffer>) => {
  const turns: Array<number> = []
  let took = 0
  let left = answers.length
  const got = answers.map((answer) => {
    let at = 0
    const socket = new Readable({
      highWaterMark: 65_536,
      read() {
        const piece = answer.subarray(at, at + 65_536)
        at += piece.length
        this.push(piece.length === 0 ? null : piece)
      }
    }) as unknown as Socket & Readable
    const read = socket.read.bind(socket)
    socket.read = (size) => {
      const chunk = read(size)
      took += chunk?.length ?? 0
      return chunk
    }
    readHeads(socket, { head: true })
    const chunks: Array<Buffer> = []
    socket.on("readable", () => {
      for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) chunks.push(chunk)
    })
    socket.on("end", () => left--)
    return chunks
  })
  while (left > 0) {
    await new Promise((resolve) => setImmediate(resolve))
    turns.push(took)
    took = 0
  }
  return { turns, bodies: got.map((chunks) => Buffer.concat(chunks)) }
}

describe("in one turn of the event loop", () => {
  const bodies: ReadonlyArray<readonly [what: string, answer: Buffer, most: number]> = [
    ["chunks of a byte", chunked("x", 200_000), mostSteps],
    ["chunks of 20 bytes", chunked("x".repeat(20), 50_000), mostSteps],
    ["chunks of 8 KiB", chunked("x".repeat(8192), 350), 16 * mostSteps],
    ["no chunks", plain(3_000_000), 16 * mostSteps]
  ]
  for (const [what, answer, most] of bodies)
    test(`no more than so much is read of eight connections with ${what}, and in the end all of it`, async () => {
      const { turns, bodies } = await readAll(Array.from({ length: 8 }, () => answer))
      // Two turns may lie between two looks; the read with an answer's head is not counted.
      expect(Math.max(...turns)).toBeLessThanOrEqual(2 * most + 8 * 131_072)
      expect(turns.filter((bytes) => bytes > 0).length).toBeGreaterThan(1)
      const data = (bytes: Buffer) => bytes.toString("latin1", bytes.indexOf("\r\n\r\n")).split("x").length
      expect(bodies.map(data)).toEqual(bodies.map(() => data(answer)))
    })
})
