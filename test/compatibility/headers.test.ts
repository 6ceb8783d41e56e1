/** Odd statuses and headers, each met by a pull: see the table. */
import * as Effect from "effect/Effect"
import { describe, expect } from "vitest"
import { PullError } from "../../src/api/errors.ts"
import { serve } from "../registry/server.ts"
import { it } from "../support/effect.ts"
import { open } from "../support/open.ts"
import { answering, manifestOf } from "./answers.ts"
import { redirects, tokens } from "./headers.ts"

const image = manifestOf("oci")
const answer = answering(image)

const pull = (host: string) =>
  Effect.promise(async () => {
    await using oci = await open({ retry: { times: 0 } })
    return await oci.pull(`${host}/org/app:1`, { platform: "linux/amd64" }).then(
      () => "pulled",
      (error: unknown) => (error instanceof PullError ? error.reason._tag : Promise.reject(error))
    )
  })

describe("redirects", () => {
  const layer = image.parts[2]
  for (const { input, location, asked } of redirects)
    it.live(`${input} is followed as the table says`, () =>
      Effect.gen(function* () {
        const served = yield* serve((request, response, it) => {
          const url = request.url ?? ""
          if (url.endsWith(`/blobs/${layer?.digest}`))
            return void response.writeHead(307, { location: location.replace("HOST", it.host) }).end()
          if (!url.startsWith("/stored")) return void answer(request, response, it)
          response.writeHead(200, { "content-length": layer?.size }).end(layer?.bytes)
        })
        expect(yield* pull(served.host)).toBe("pulled")
        expect(served.requests.map(({ url }) => url)).toContain(asked)
      })
    )
})

describe("tokens", () => {
  for (const { input, status, challenge, asked, ends } of tokens)
    it.live(`${input} ends as the table says`, () =>
      Effect.gen(function* () {
        const served = yield* serve((request, response, it) => {
          if (request.url?.startsWith("/token") === true)
            return void response.writeHead(status).end(status === 204 ? undefined : '{"token":"t"}')
          if (request.headers.authorization === "Bearer t") return void answer(request, response, it)
          response.writeHead(401, { "www-authenticate": challenge.replace("HOST", it.host) }).end()
        })
        expect(yield* pull(served.host)).toBe(ends)
        expect(served.requests.map(({ url }) => url)).toContain(asked)
      })
    )
})
