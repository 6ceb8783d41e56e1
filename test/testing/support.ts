/** A plain client of our own, so that the registry is tested against HTTP and not against itself. */
import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http"

export interface Got {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** `false` where the body broke off. */
  readonly complete: boolean
}

/** Sends one request on a connection of its own and reads the body, as far as it comes. Rejects where no status comes. */
export const get = (
  url: string,
  headers: Readonly<Record<string, string>> = {},
  method = "GET",
  form?: string
): Promise<Got> =>
  new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers, agent: false }, (response: IncomingMessage) => {
      const pieces: Array<Buffer> = []
      const done = () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(pieces),
          complete: response.complete
        })
      response.on("data", (piece: Buffer) => pieces.push(piece))
      response.on("error", done)
      response.on("close", done)
    })
    outgoing.on("error", reject)
    outgoing.end(form)
  })

export const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`
})
