/**
 * A registry that writes its answers to the socket as they are: in chunks of any size, with any headers, as slowly as it
 * likes. Node's own server would put small chunks together.
 */

import type { AddressInfo } from "node:net"
import { createServer, type Socket } from "node:net"

export interface RawAnswer {
  readonly type?: string
  readonly body: Uint8Array
  /** Bytes of each HTTP chunk. Default: no chunks, a Content-Length. */
  readonly chunk?: number
  /** Written behind each chunk's size, as an extension. */
  readonly extension?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface RawServer extends AsyncDisposable {
  /** `127.0.0.1:port` */
  readonly host: string
}

const chunks = (body: Uint8Array, size: number, extension: string): Buffer => {
  const end = Buffer.from("0\r\n\r\n")
  const parts: Array<Uint8Array> = []
  const head = Buffer.from(`${size.toString(16)}${extension}\r\n`)
  const newline = Buffer.from("\r\n")
  const whole = body.length - (body.length % size)
  const one = head.length + size + newline.length
  const written = Buffer.allocUnsafe((whole / size) * one)
  for (let at = 0, to = 0; at < whole; at += size, to += one) {
    written.set(head, to)
    written.set(body.subarray(at, at + size), to + head.length)
    written.set(newline, to + head.length + size)
  }
  parts.push(written)
  if (whole < body.length)
    parts.push(Buffer.from(`${(body.length - whole).toString(16)}\r\n`), body.subarray(whole), newline)
  return Buffer.concat([...parts, end])
}

const answer = (asked: string, found: RawAnswer | undefined): Buffer => {
  if (found === undefined) return Buffer.from("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
  const [, first, last] = /\r\nrange: bytes=(\d+)-(\d*)/i.exec(asked) ?? []
  const from = Number(first ?? 0)
  const to = last === undefined || last === "" ? found.body.length : Number(last) + 1
  const part = found.body.subarray(from, to)
  const head = [
    first === undefined ? "HTTP/1.1 200 OK" : "HTTP/1.1 206 Partial Content",
    `content-type: ${found.type ?? "application/octet-stream"}`,
    ...(first === undefined ? [] : [`content-range: bytes ${from}-${to - 1}/${found.body.length}`]),
    ...Object.entries(found.headers ?? {}).map(([name, value]) => `${name}: ${value}`),
    found.chunk === undefined ? `content-length: ${part.length}` : "transfer-encoding: chunked"
  ]
  const body = found.chunk === undefined ? part : chunks(part, found.chunk, found.extension ?? "")
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body])
}

/** `find`: of a path with its query. */
export const startRawServer = async (find: (path: string) => RawAnswer | undefined): Promise<RawServer> => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
    socket.on("error", () => undefined)
    let read = ""
    socket.on("data", (bytes) => {
      read += bytes.toString("latin1")
      for (let end = read.indexOf("\r\n\r\n"); end !== -1; end = read.indexOf("\r\n\r\n")) {
        const asked = read.slice(0, end + 2)
        read = read.slice(end + 4)
        socket.write(answer(asked, find(asked.split(" ", 2)[1] ?? "")))
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    }
  }
}
