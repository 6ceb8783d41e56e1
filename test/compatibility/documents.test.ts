/** Odd documents, each pulled: see the table. What other programs make of the same is asked of them in `interop`. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { expect } from "vitest"
import { PullError } from "../../src/api/errors.ts"
import { serve } from "../registry/server.ts"
import { it } from "../support/effect.ts"
import { open } from "../support/open.ts"
import { answering } from "./answers.ts"
import { documents } from "./documents.ts"

for (const { input, answers, ends } of documents)
  it.live(`${input}: ends as the table says`, () =>
    Effect.gen(function* () {
      const made = answers()
      const served = yield* serve(answering(made))
      yield* Effect.promise(async () => {
        await using oci = await open({ retry: { times: 0 } })
        const pulled = await oci
          .pull(`${served.host}/org/app:1`, { platform: "linux/amd64" })
          .catch((error: unknown) => {
            if (error instanceof PullError) return error.reason
            throw error
          })
        if (ends !== "pulled") return void expect(pulled).toMatchObject({ _tag: ends })
        if (!("layers" in pulled)) throw pulled
        expect(pulled.digest).toBe(made.root.digest)
        for (const { path } of pulled.layers) expect(readFileSync(join(path, "hello"), "utf8")).toBe("hello\n")
        expect(await oci.images()).toHaveLength(1)
        expect((await oci.inspect(pulled.reference))?.digest).toBe(made.root.digest)
        expect((await oci.verify()).faults).toEqual([])
      })
    })
  )
