import { request } from "node:https"
import { expect, test } from "vitest"
import { fault, startRegistry } from "../../../src/testing/index.ts"
import { cert, key } from "../certificate.ts"

const status = (url: string, ca?: string) =>
  new Promise<number | undefined>((resolve, reject) => {
    const outgoing = request(url, { agent: false, ...(ca === undefined ? {} : { ca }) }, (response) => {
      response.on("error", reject)
      response.resume().on("end", () => resolve(response.statusCode))
    })
    outgoing.on("error", reject)
    outgoing.end()
  })

test("with a certificate the registry speaks TLS, its storage too, with clients that trust it", async () => {
  await using registry = await startRegistry({ tls: { cert, key }, storage: true })
  const digest = registry.addBlob("app", Buffer.from("bytes"))
  expect(registry.origin).toMatch(/^https:/)
  expect(await status(`${registry.origin}/v2/`, cert)).toBe(200)
  expect(await status(registry.storage?.url(digest) ?? "", cert)).toBe(200)
  await expect(status(`${registry.origin}/v2/`)).rejects.toThrow("self-signed certificate")
})

test("over TLS, too, a cut ends the body", async () => {
  await using registry = await startRegistry({ tls: { cert, key } })
  const digest = registry.addBlob("app", Buffer.alloc(10_000))
  registry.fault({ kind: "blob" }, fault.cut(100, { reset: true }))
  await expect(status(`${registry.origin}/v2/app/blobs/${digest}`, cert)).rejects.toThrow("aborted")
})
