/** What ctr, skopeo and podman make of the inputs of `test/compatibility`: what the page says of them is asked of them here. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { answering } from "../compatibility/answers.ts"
import { archives } from "../compatibility/archives.ts"
import { documents } from "../compatibility/documents.ts"
import type { Oracle, Row, Verdicts } from "../compatibility/Row.ts"
import { serve } from "../registry/server.ts"
import { type Clients, startClients } from "./support/clients.ts"

let directory: string
let clients: Clients
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "ociflow-clients-"))
  clients = await startClients(directory)
}, 60_000)
afterAll(async () => {
  await clients[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

const judged = <A extends Row>(rows: ReadonlyArray<A>) =>
  rows.flatMap((row) => (typeof row.oracle === "string" ? [] : [{ ...row, oracle: row.oracle }]))

const verdictsOf = async (verdicts: Verdicts, ask: (oracle: Oracle) => Promise<boolean>): Promise<Verdicts> => {
  const found: Partial<Record<Oracle, boolean>> = {}
  for (const oracle of Object.keys(verdicts) as ReadonlyArray<Oracle>) found[oracle] = await ask(oracle)
  return found
}

describe("documents", () => {
  for (const [at, { input, oracle, answers }] of judged(documents).entries())
    test(input, () =>
      Effect.gen(function* () {
        const { host } = yield* serve(answering(answers()))
        const found = yield* Effect.promise(() =>
          // Podman remembers a reference.
          verdictsOf(oracle, (name) => clients.fromRegistry[name](`${host}/org/app${at}:1`))
        )
        expect(found).toEqual(oracle)
      }).pipe(Effect.scoped, Effect.runPromise)
    )
})

describe("archives", () => {
  for (const { input, oracle, transport, bytes } of judged(archives))
    test(input, async () => {
      const path = join(directory, "archive.tar")
      writeFileSync(path, await bytes())
      const reference = `${transport === "oci" ? "oci-archive" : transport}:${path}`
      expect(
        await verdictsOf(oracle, (name) =>
          name === "ctr" ? Promise.resolve(false) : clients.fromFile[name](reference)
        )
      ).toEqual(oracle)
    })
})
