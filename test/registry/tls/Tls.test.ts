import { writeFile } from "node:fs/promises"
import { createServer } from "node:https"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import type { TlsOptions } from "node:tls"
import * as Effect from "effect/Effect"
import { describe, expect } from "vitest"
import { defaultTimeouts } from "../../../src/api/config.ts"
import { makeTransport } from "../../../src/registry/connection/Transport.ts"
import type { Tls } from "../../../src/registry/tls/Tls.ts"
import { it } from "../../support/effect.ts"
import { temporaryRoot } from "../../support/open.ts"
import { cert, key } from "../../testing/certificate.ts"
import { intermediate, leaf, leafKey, root } from "../../testing/chain.ts"

/** A TLS server on 127.0.0.1; gives its origin. */
const secured = (options: TlsOptions = {}) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer({ cert: leaf + intermediate, key: leafKey, ...options }, (_, response) => {
        response.end()
      })
      server.on("tlsClientError", () => undefined)
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      return { server, origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}` }
    }),
    ({ server }) =>
      Effect.promise(async () => {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      })
  ).pipe(Effect.map(({ origin }) => origin))

const directory = Effect.map(
  Effect.acquireRelease(
    Effect.promise(() => temporaryRoot()),
    (it) => Effect.promise(() => it[Symbol.asyncDispose]())
  ),
  ({ root }) => root
)
const file = Effect.fnUntraced(function* (content: string | Buffer) {
  const path = join(yield* directory, "ca.crt")
  yield* Effect.promise(() => writeFile(path, content))
  return path
})

/** The status, or what is said of the failure. */
const ask = Effect.fnUntraced(function* (origin: string, tls: Partial<Tls> = {}) {
  const { send } = yield* makeTransport({ timeouts: defaultTimeouts })
  const endpoint = {
    registry: "r.test",
    origin,
    plainHttp: false,
    tls: { ca: [], client: [], insecure: false, ...tls }
  }
  return yield* Effect.scoped(send(endpoint, { method: "GET", url: new URL(origin), headers: {} })).pipe(
    Effect.match({
      onSuccess: ({ status }) => `${status}`,
      onFailure: (reason) => `${reason.message} ${reason.advice}`
    })
  )
})

const der = (pem: string) => Buffer.from(pem.replace(/-----.*-----|\n/g, ""), "base64")

describe("an authority", () => {
  for (const [name, ca] of Object.entries({ root, intermediate, leaf, all: leaf + intermediate + root }))
    it.live(`is trusted as it is given: ${name}`, () =>
      Effect.gen(function* () {
        const origin = yield* secured()
        expect(yield* ask(origin, { ca: [yield* file(ca)] })).toBe("200")
        // The server that sends its own certificate alone is vouched for by its issuer, or by itself.
        const alone = yield* secured({ cert: leaf })
        expect((yield* ask(alone, { ca: [yield* file(ca)] })).startsWith("200")).toBe(name !== "root")
      })
    )

  it.live("that did not sign vouches for nobody; the message says what to do", () =>
    Effect.gen(function* () {
      const origin = yield* secured()
      const { host } = new URL(origin)
      for (const tls of [{}, { ca: [yield* file(cert)] }]) {
        const said = yield* ask(origin, tls)
        expect(said).toContain("signed by an authority that is not trusted")
        expect(said).toContain(`\`hosts["${host}"].ca\``)
        expect(said).not.toContain("plain-http")
      }
      const itself = yield* ask(yield* secured({ cert, key }))
      expect(itself).toContain("its certificate is self-signed and not trusted")
    })
  )

  it.live("whose file holds no certificate is called so", () =>
    Effect.gen(function* () {
      const origin = yield* secured()
      const rows: ReadonlyArray<readonly [content: string | Buffer, said: string]> = [
        ["", "holds no PEM certificate"],
        ["not a certificate", "holds no PEM certificate"],
        [leafKey, "holds no PEM certificate"],
        [der(root), "is DER"]
      ]
      for (const [content, said] of rows) {
        const path = yield* file(content)
        expect(yield* ask(origin, { ca: [path] })).toContain(`the certificate file ${path} ${said}`)
      }
      expect(yield* ask(origin, { ca: ["/absent/ca.crt"] })).toContain("/absent/ca.crt cannot be read")
    })
  )
})

describe("a server that wants a client certificate", () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const)
    it.live(`is named in the error, by ${version}; a client that shows one is let in`, () =>
      Effect.gen(function* () {
        const versions = { minVersion: version, maxVersion: version }
        const origin = yield* secured({ requestCert: true, rejectUnauthorized: true, ca: root, ...versions })
        const { host } = new URL(origin)
        const ca = [yield* file(root)]
        expect(yield* ask(origin, { ca })).toContain(
          `If the server requires a client certificate, set one with \`hosts["${host}"].client\`.`
        )
        const both = yield* file(`${leaf}${intermediate}${leafKey}`)
        expect(yield* ask(origin, { ca, client: [{ cert: both, key: both }] })).toBe("200")
      })
    )

  it.live("is not thought of where plain HTTP was spoken to", () =>
    Effect.gen(function* () {
      const origin = yield* secured()
      expect(yield* ask(origin.replace("https:", "http:"))).not.toContain("client certificate")
    })
  )
})
