/** Documents in an encoding that their server chose, though `identity` was asked for: quay does so. */
import { brotliCompressSync, gzipSync } from "node:zlib"
import * as Effect from "effect/Effect"
import { of } from "rxjs"
import { describe, expect } from "vitest"
import { largeDocument, type MayRead } from "../../../src/image/LargeDocuments.ts"
import { parse } from "../../../src/image/reference/Reference.ts"
import { readBody } from "../../../src/registry/http/readDocument.ts"
import { Registry } from "../../../src/registry/Registry.ts"
import { it } from "../../support/effect.ts"
import { image, type Part } from "../images.ts"
import { type Handler, serve } from "../server.ts"

const amd64 = { os: "linux", architecture: "amd64" }
const app = image(amd64)
const noRetry = { retry: { times: 0 } }

const partAt = (path: string): Part | undefined =>
  path.endsWith("/manifests/1") ? app.manifest : app.parts.find(({ digest }) => path.endsWith(digest))

it.live("a compressed document is not inflated beyond what may be read", () =>
  Effect.gen(function* () {
    const read = (length: number, mayRead: MayRead) =>
      Effect.result(
        readBody(
          {
            status: 200,
            headers: { "content-encoding": "gzip" },
            body$: () => of(gzipSync(Buffer.alloc(length))),
            url: new URL("http://localhost/"),
            documentTimeout: 1e6
          },
          4 * 2 ** 20,
          { mayRead }
        )
      )
    const small: MayRead = (bytes) => bytes <= largeDocument
    expect(yield* read(largeDocument, small)).toMatchObject({ _tag: "Success", success: { length: largeDocument } })
    for (const length of [largeDocument + 1, 2 ** 22]) {
      expect(yield* read(length, small)).toMatchObject({ _tag: "Failure", failure: { _tag: "TooLong" } })
      expect(yield* read(length, () => true)).toMatchObject({ _tag: "Success", success: { length } })
    }
    expect(yield* read(2 ** 22 + 1, () => true)).toMatchObject({ _tag: "Failure", failure: { _tag: "TooLong" } })
  })
)

describe("a document that comes compressed though nobody asked for it", () => {
  const encoded = (encoding: string, encode: (bytes: Buffer) => Buffer) =>
    Effect.gen(function* () {
      const served = yield* serve((request, response) => {
        const part = partAt(request.url ?? "")
        if (request.url?.startsWith("/token") === true)
          return void response
            .writeHead(200, { "content-encoding": encoding })
            .end(encode(Buffer.from(JSON.stringify({ token: "t" }))))
        if (request.headers.authorization !== "Bearer t")
          return void response
            .writeHead(401, {
              "www-authenticate": `Bearer realm="${served.origin}/token"`,
              "content-encoding": encoding
            })
            .end(encode(Buffer.from("{}")))
        if (part === undefined) return void response.writeHead(404).end()
        const bytes = encode(part.bytes)
        response
          .writeHead(200, {
            "content-type": part.mediaType,
            "content-encoding": encoding,
            "content-length": bytes.length
          })
          .end(bytes)
      })
      const reference = yield* parse(`${served.host}/org/app:1`)
      return yield* Registry.use((it) => it.resolve(reference, amd64, () => undefined)).pipe(
        Effect.provide(Registry.layer(noRetry)),
        Effect.result
      )
    })

  it.live("is read: manifest, config and token, as gzip under either name; plain bytes are taken as they are", () =>
    Effect.gen(function* () {
      for (const encoding of ["gzip", "x-gzip", "GZIP"])
        expect(yield* encoded(encoding, (bytes) => gzipSync(bytes)), encoding).toMatchObject({ _tag: "Success" })
      for (const encoding of ["gzip", "identity", "aws-chunked", "utf-8"])
        expect(yield* encoded(encoding, (bytes) => bytes), encoding).toMatchObject({ _tag: "Success" })
    })
  )

  it.live("is named where it cannot be read: another encoding, broken gzip, more than the limit behind it", () =>
    Effect.gen(function* () {
      const manifestAs = (encoding: string, bytes: Buffer, limits = {}) =>
        Effect.gen(function* () {
          const served = yield* serve(
            (_, response) =>
              void response.writeHead(200, { "content-encoding": encoding, "content-length": bytes.length }).end(bytes)
          )
          const reference = yield* parse(`${served.host}/org/app:1`)
          return yield* Registry.use((it) => it.resolve(reference, amd64, () => undefined)).pipe(
            Effect.provide(Registry.layer({ ...noRetry, limits })),
            Effect.flip
          )
        })
      expect(yield* manifestAs("br", brotliCompressSync(app.manifest.bytes))).toMatchObject({
        _tag: "InvalidResponse",
        problem: expect.stringMatching(/Content-Encoding: br/)
      })
      expect(yield* manifestAs("gzip", gzipSync(app.manifest.bytes).subarray(0, 60))).toMatchObject({
        _tag: "InvalidResponse",
        problem: expect.stringMatching(/gzip/)
      })
      const bomb = gzipSync(Buffer.alloc(2 ** 24, " "))
      expect(yield* manifestAs("gzip", bomb)).toMatchObject({ _tag: "LimitExceeded", limit: "documentBytes" })
      const limits = { documentBytes: app.manifest.size }
      expect(yield* manifestAs("gzip", gzipSync(app.manifest.bytes), limits)).not.toMatchObject({
        _tag: "LimitExceeded"
      })
      expect(
        yield* manifestAs("gzip", gzipSync(app.manifest.bytes), { documentBytes: app.manifest.size - 1 })
      ).toMatchObject({
        _tag: "LimitExceeded"
      })
    })
  )
})

describe("a page for people in place of a document", () => {
  const html = "<html><body>Log in</body></html>"
  const headers = { "content-type": "text/html; charset=utf-8", "content-length": html.length }
  const page: Handler = (_, response) => void response.writeHead(200, headers).end(html)
  const cases: Readonly<Record<string, (path: string) => boolean>> = {
    manifest: () => true,
    config: (path) => path.includes("/blobs/")
  }
  for (const [what, isPaged] of Object.entries(cases))
    it.live(`is called so: ${what}`, () =>
      Effect.gen(function* () {
        const served = yield* serve((request, response, it) => {
          const part = partAt(request.url ?? "")
          if (isPaged(request.url ?? "") || part === undefined) return page(request, response, it)
          response.writeHead(200, { "content-type": part.mediaType }).end(part.bytes)
        })
        const reference = yield* parse(`${served.host}/org/app:1`)
        const error = yield* Registry.use((it) => it.resolve(reference, amd64, () => undefined)).pipe(
          Effect.provide(Registry.layer(noRetry)),
          Effect.flip
        )
        expect(error).toMatchObject({ _tag: "InvalidResponse", problem: "it is an HTML page" })
        expect(error.advice).toMatch(/is a web page/)
      })
    )
})
