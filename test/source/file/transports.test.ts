/** The table of file sources. */
import * as Effect from "effect/Effect"
import { expect, test } from "vitest"
import { formatLocal, parseLocal } from "../../../src/source/file/LocalReference.ts"
import { type Transport, type TransportRow, transports } from "../../../src/source/file/transports.ts"

const rows = Object.entries<TransportRow>(transports) as ReadonlyArray<[Transport, TransportRow]>

test.for(rows)("%s is parsed by its name and its aliases, and its reader is loaded", async ([name, row]) => {
  for (const prefix of [name, ...(row.aliases ?? [])]) {
    const local = await Effect.runPromise(parseLocal(`${prefix}:/a/b:tag`))
    expect(local).toMatchObject({ transport: name, image: "tag" })
    expect(local === undefined ? "" : formatLocal(local)).toMatch(new RegExp(`^${name}:.*:tag$`))
  }
  expect(await row.load()).toMatchObject({ open: expect.any(Function), names: expect.any(Function) })
})

test.for(["constructor", "__proto__", "OCI", ""])("%j is not a prefix of a file", async (prefix) => {
  expect(await Effect.runPromise(Effect.orElseSucceed(parseLocal(`${prefix}:/a`), () => "refused"))).toBeUndefined()
})
