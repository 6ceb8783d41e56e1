/** What each request on the way has with it, and where the way ends. A table of answers stands in for the hosts. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { EMPTY } from "rxjs"
import { describe, expect } from "vitest"
import { AddressRefused } from "../../../src/api/errors.ts"
import type { Endpoint } from "../../../src/registry/address/Endpoint.ts"
import type { Answer, Request, Transport } from "../../../src/registry/connection/Transport.ts"
import { followRedirects } from "../../../src/registry/http/followRedirects.ts"
import { it } from "../../support/effect.ts"

const home = "https://home.test"
const endpoint: Endpoint = {
  registry: "home.test",
  origin: home,
  plainHttp: false,
  headers: { "x-own": Redacted.make("own secret"), accept: Redacted.make("anything") }
}

/** `ways`: from an address to the next one, or a status and a location. What has no entry answers 200. */
const following = (
  ways: Readonly<Record<string, string | { readonly status: number; readonly location?: string }>>,
  request: Partial<Omit<Request, "url">> & { readonly url?: string } = {}
) =>
  Effect.gen(function* () {
    const sent: Array<Request> = []
    const send: Transport["send"] = (_, request) => {
      sent.push(request)
      const way = ways[request.url.href]
      const { status, location } =
        way === undefined ? { status: 200 } : typeof way === "string" ? { status: 307, location: way } : way
      const headers = location === undefined ? {} : { location }
      return Effect.succeed({
        status,
        headers,
        url: request.url,
        documentTimeout: 1,
        body$: () => EMPTY
      } as unknown as Answer)
    }
    const refusal: Transport["refusal"] = (_, __, to) =>
      to.host === "refused.test" ? new AddressRefused({ from: home, to: to.href, problem: "refused" }) : undefined
    const { url = `${home}/v2/`, ...more } = request
    const result = yield* followRedirects(
      { send, refusal } as Transport,
      endpoint,
      { method: "GET", headers: { accept: "application/json" }, ...more, url: new URL(url) },
      Redacted.make("Bearer secret")
    ).pipe(Effect.result)
    return { sent, result }
  })

const all = { accept: "application/json", "x-own": "own secret", authorization: "Bearer secret" }
const none = { accept: "application/json" }

describe("a redirect", () => {
  for (const status of [301, 302, 303, 307, 308])
    it.effect(`with status ${status} is followed, to an address beneath its own as well`, () =>
      Effect.gen(function* () {
        const { sent, result } = yield* following({ [`${home}/v2/`]: { status, location: "../a?b" } })
        expect(sent.map(({ url }) => url.href)).toEqual([`${home}/v2/`, `${home}/a?b`])
        expect(result).toMatchObject({ success: { status: 200, isCrossOrigin: false, url: { href: `${home}/a?b` } } })
      })
    )

  it.effect("is none with another status, whatever location it tells", () =>
    Effect.gen(function* () {
      for (const status of [200, 201, 300, 304, 305, 309, 401, 404, 500]) {
        const { sent, result } = yield* following({ [`${home}/v2/`]: { status, location: "/a" } })
        expect([sent.length, result]).toMatchObject([1, { success: { status, isCrossOrigin: false } }])
      }
    })
  )

  it.effect("without a location, or with none that can be one, leads nowhere", () =>
    Effect.gen(function* () {
      for (const location of [undefined, "http://[", "//:x"]) {
        const way = location === undefined ? { status: 302 } : { status: 302, location }
        const { sent, result } = yield* following({ [`${home}/v2/`]: way })
        expect(sent).toHaveLength(1)
        expect(result).toMatchObject({ failure: { _tag: "InvalidResponse", problem: "status 302 leads nowhere" } })
      }
    })
  )

  it.effect("of a POST leads nowhere: what it says is for whom it was sent to", () =>
    Effect.gen(function* () {
      for (const location of ["/a", "https://other.test/"]) {
        const { sent, result } = yield* following(
          { [`${home}/token`]: location },
          { method: "POST", body: "password=secret", url: `${home}/token` }
        )
        expect(sent).toHaveLength(1)
        expect(result).toMatchObject({ failure: { _tag: "InvalidResponse", problem: "status 307 leads nowhere" } })
      }
    })
  )

  it.effect("to where nothing may lead is not followed", () =>
    Effect.gen(function* () {
      const { sent, result } = yield* following({ [`${home}/v2/`]: "https://refused.test/" })
      expect([sent.length, result]).toMatchObject([1, { failure: { _tag: "AddressRefused" } }])
    })
  )

  it.effect("is the tenth at most; the error names where the way began", () =>
    Effect.gen(function* () {
      const ways = (count: number) =>
        Object.fromEntries(Array.from({ length: count }, (_, at) => [`${home}/${at}`, `${home}/${at + 1}`]))
      const ten = yield* following(ways(10), { url: `${home}/0` })
      expect([ten.sent.length, ten.result]).toMatchObject([11, { success: { url: { pathname: "/10" } } }])
      const eleven = yield* following(ways(11), { url: `${home}/0` })
      expect(eleven.sent).toHaveLength(11)
      expect(eleven.result).toMatchObject({
        failure: { _tag: "InvalidResponse", url: `${home}/0`, problem: "more than 10 redirects" }
      })
    })
  )
})

describe("the headers of a registry, and its credentials", () => {
  it.effect("go with each request to its origin; the request's own come first", () =>
    Effect.gen(function* () {
      const { sent } = yield* following({ [`${home}/v2/`]: "/a", [`${home}/a`]: "/b" }, { method: "HEAD" })
      expect(sent.map(({ headers }) => headers)).toEqual([all, all, all])
      expect(sent.map(({ method }) => method)).toEqual(["HEAD", "HEAD", "HEAD"])
    })
  )

  it.effect("go no further, nor back again where another origin leads back", () =>
    Effect.gen(function* () {
      for (const other of ["https://other.test", "https://home.test:444", "http://home.test"]) {
        const { sent, result } = yield* following({ [`${home}/v2/`]: `${other}/a`, [`${other}/a`]: `${home}/b` })
        expect(sent.map(({ headers }) => headers)).toEqual([all, none, none])
        expect(result).toMatchObject({ success: { isCrossOrigin: true } })
      }
    })
  )

  it.effect("are apart where a request is to another origin: a token service has no headers of the registry", () =>
    Effect.gen(function* () {
      const { sent } = yield* following({}, { url: "https://auth.test/token" })
      expect(sent.map(({ headers }) => headers)).toEqual([{ ...none, authorization: "Bearer secret" }])
    })
  )
})
