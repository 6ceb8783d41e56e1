/** Odd lists, each asked for: see the table. */
import * as Effect from "effect/Effect"
import { describe, expect } from "vitest"
import { Puller } from "../../src/Puller.ts"
import { mediaTypes } from "../../src/testing/index.ts"
import { descriptor, digestOf } from "../registry/images.ts"
import { type Handler, serve } from "../registry/server.ts"
import { it } from "../support/effect.ts"
import { indexOf, manifestOf } from "./answers.ts"
import { referrers, tags } from "./lists.ts"

const asking = <A, E>(handler: Handler, ask: (puller: Puller["Service"], host: string) => Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const served = yield* serve(handler)
    const found = yield* Puller.use((puller) => Effect.result(ask(puller, served.host))).pipe(
      Effect.provide(Puller.layer({ retry: { times: 1, base: 1, cap: 1 }, credentials: {} }))
    )
    return { found, served }
  })

describe("tags", () => {
  for (const { input, links = [], tags: listed, gives } of tags)
    it.live(`${input}: gives what the table says`, () =>
      Effect.gen(function* () {
        const { found, served } = yield* asking(
          (request, response, { host }) => {
            const isLast = request.url?.includes("last=a") === true
            const link = isLast ? [] : links.map((each) => each.replaceAll("HOST", host))
            response.writeHead(200, { link })
            response.end(JSON.stringify({ name: "org/app", tags: isLast ? ["z"] : listed }))
          },
          (puller, host) => puller.tags(`${host}/org/app`)
        )
        if (found._tag === "Success") expect(found.success).toEqual(gives)
        else expect(found.failure.reason).toMatchObject({ _tag: gives })
        for (const { url } of served.requests) expect(url).toMatch(/^\/v2\/org\/app\/tags\/list\?/)
      })
    )

  it.live("a byte beyond ASCII in Link is asked for as it is", () =>
    Effect.gen(function* () {
      const link = '</v2/org/app/tags/list?last=a&x=\u00c3\u00a9>; rel="next"'
      const { served } = yield* asking(
        (request, response) => {
          response.writeHead(200, request.url?.includes("last=a") === true ? {} : { link })
          response.end('{"tags":[]}')
        },
        (puller, host) => puller.tags(`${host}/org/app`)
      )
      expect(served.requests[1]?.url).toBe("/v2/org/app/tags/list?last=a&x=%C3%A9")
    })
  )
})

describe("referrers", () => {
  const subject = indexOf("oci", (entry) => [entry]).root
  const image = manifestOf("oci").root
  const referrer = { ...descriptor(image), artifactType: "a/signature" }
  const list = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.oci.index, manifests: [null, referrer] })
  )
  const bodyOf = (body = "{}") =>
    ({ LIST: list, SUBJECT: subject.bytes, IMAGE: image.bytes })[body] ?? Buffer.from(body)

  for (const { input, api, tag = { status: 404 }, subject: readable = 200, gives } of referrers)
    it.live(`${input}: gives what the table says`, () =>
      Effect.gen(function* () {
        const { found } = yield* asking(
          (request, response) => {
            const url = request.url ?? ""
            const isApi = url.includes("/referrers/")
            if (!isApi && url.endsWith(subject.digest)) {
              response.writeHead(readable, { "content-type": subject.mediaType })
              return void response.end(readable === 200 ? subject.bytes : "{}")
            }
            const isLogin = url === "/login"
            const { status, type, body, headers } = isLogin
              ? { status: 200, type: "text/html", body: "<html>", headers: {} }
              : isApi
                ? api
                : tag
            response.writeHead(status, { ...(type === undefined ? {} : { "content-type": type }), ...headers })
            response.end(bodyOf(body))
          },
          (puller, host) => puller.referrers(`${host}/org/app@${subject.digest}`)
        )
        if (found._tag === "Failure") return void expect(found.failure.reason).toMatchObject({ _tag: gives })
        expect(found.success.map(({ digest }) => digest)).toEqual(gives === "listed" ? [image.digest] : [])
        expect(["listed", "nothing"]).toContain(gives)
      })
    )

  it.live("a second page that is refused is an error, and no tag is asked", () =>
    Effect.gen(function* () {
      const { found, served } = yield* asking(
        (request, response) => {
          const url = request.url ?? ""
          if (url.includes("page=2")) return void response.writeHead(400).end()
          response.writeHead(200, { "content-type": mediaTypes.oci.index, link: '<?page=2>; rel="next"' }).end(list)
        },
        (puller, host) => puller.referrers(`${host}/org/app@${digestOf(subject.bytes)}`)
      )
      expect(found).toMatchObject({ _tag: "Failure", failure: { reason: { _tag: "RegistryError", status: 400 } } })
      expect(served.requests).toHaveLength(2)
    })
  )

  it.live("status 501 is asked for once", () =>
    Effect.gen(function* () {
      const { served } = yield* asking(
        (_, response) => void response.writeHead(501).end(),
        (puller, host) => puller.referrers(`${host}/org/app@${digestOf(subject.bytes)}`)
      )
      expect(served.requests).toHaveLength(2)
    })
  )
})
