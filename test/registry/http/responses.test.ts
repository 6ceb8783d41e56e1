/** What registries, proxies and caches send that Go's clients take (net/http, and with it containerd, docker, skopeo). */
import * as Effect from "effect/Effect"
import { reduce } from "rxjs"
import { describe, expect } from "vitest"
import { isReason } from "../../../src/api/errors.ts"
import { parse } from "../../../src/image/reference/Reference.ts"
import { drain } from "../../../src/reactive/bridge.ts"
import { Gate } from "../../../src/reactive/Gate.ts"
import { Registry } from "../../../src/registry/Registry.ts"
import { it } from "../../support/effect.ts"
import { image, type Part } from "../images.ts"
import { serveRaw } from "../rawServer.ts"

const amd64 = { os: "linux", architecture: "amd64" }
const app = image(amd64)
const [layer] = app.layers
if (layer === undefined) throw new Error("it has a layer")
const noRetry = { retry: { times: 0 } }

const partAt = (path: string): Part | undefined =>
  path.endsWith("/manifests/1") ? app.manifest : app.parts.find(({ digest }) => path.endsWith(digest))

/** Resolves the image and reads its layer, each answer written as `written` says. */
const pulling = Effect.fnUntraced(function* (written: (part: Part) => string) {
  const served = yield* serveRaw((path, socket) => {
    const part = partAt(path)
    if (part !== undefined) socket.write(Buffer.concat([Buffer.from(written(part), "latin1"), part.bytes]))
  })
  const reference = yield* parse(`${served.host}/org/app:1`)
  const result = yield* Registry.use((registry) =>
    Effect.gen(function* () {
      const emit = () => undefined
      const { layers } = yield* registry.resolve(reference, amd64, emit)
      const bytes$ = registry.blob$(reference, layers[0] ?? layer, new Gate(), { emit })
      return yield* drain(isReason)(bytes$.pipe(reduce((sum, chunk) => sum + chunk.length, 0)))
    })
  ).pipe(Effect.provide(Registry.layer({ ...noRetry, timeouts: { headers: 2000 } })), Effect.result)
  return { served, result }
})

const head = ({ mediaType, size }: Part, eol = "\r\n") =>
  ["HTTP/1.1 200 OK", `Content-Type: ${mediaType}`, `Content-Length: ${size}`, "", ""].join(eol)

describe("an answer as Go reads it", () => {
  const forms: Readonly<Record<string, (part: Part) => string>> = {
    "behind a 100 Continue that nobody asked for": (part) => `HTTP/1.1 100 Continue\r\n\r\n${head(part)}`,
    "behind several informational ones": (part) =>
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${head(part)}`,
    "with lines that end in LF alone": (part) => head(part, "\n"),
    "with one Content-Length twice": (part) =>
      head(part).replace("\r\n\r\n", `\r\nContent-Length: ${part.size}\r\n\r\n`),
    "with folded headers": (part) => head(part).replace("\r\n\r\n", "\r\nX-Long: a,\r\n b,\r\n\tc\r\n\r\n"),
    "with all of that": (part) =>
      `HTTP/1.1 100 Continue\n\n${head(part, "\n").replace("\n\n", `\nX: a\n b\ncontent-length: ${part.size}\n\n`)}`
  }
  for (const [form, written] of Object.entries(forms))
    it.live(`arrives ${form}, and the connection is kept`, () =>
      Effect.gen(function* () {
        const { result, served } = yield* pulling(written)
        expect(result).toMatchObject({ _tag: "Success", success: layer.size })
        expect(served.requests).toHaveLength(3)
        expect(served.connections()).toBeLessThan(3)
      })
    )

  it.live("has one length: two that differ are refused, and named", () =>
    Effect.gen(function* () {
      const { result } = yield* pulling((part) => head(part).replace("\r\n\r\n", "\r\nContent-Length: 1\r\n\r\n"))
      expect(result).toMatchObject({ _tag: "Failure", failure: { _tag: "RegistryUnreachable" } })
      if (result._tag === "Failure") expect(result.failure.message).toMatch(/Content-Length/)
    })
  )

  it.live("that is not HTTP is called so, in words that hold no undefined", () =>
    Effect.gen(function* () {
      for (const nonsense of [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 twohundred\r\n\r\n",
        "\u0015\u0003\u0001\u0000\u0002\u0002\u0046"
      ]) {
        const { result } = yield* pulling(() => nonsense)
        expect(result).toMatchObject({ _tag: "Failure", failure: { _tag: "RegistryUnreachable" } })
        if (result._tag !== "Failure") continue
        expect(result.failure.message).toMatch(/is not HTTP\/1\.1/)
        expect(result.failure.message).not.toMatch(/undefined/)
      }
    })
  )
})
