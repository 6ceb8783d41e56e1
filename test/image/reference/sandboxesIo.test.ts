import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { describe, expect } from "vitest"
import { format, parse } from "../../../src/image/reference/Reference.ts"
import { explainMapping, networkReference, pullGroup } from "../../../src/image/reference/sandboxesIo.ts"
import { it } from "../../support/effect.ts"

const mapped = (text: string) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
    const reference = yield* parse(text)
    yield* explainMapping(reference).pipe(Effect.provide(Logger.layer([logger])))
    return { asked: format(reference), network: format(networkReference(reference)), lines }
  })

describe("sandboxes.io", () => {
  it.effect("takes its library images from Docker Hub and says so", () =>
    Effect.gen(function* () {
      const note = "Info pulling library image from Docker registry for compatibility"
      expect(yield* mapped("sandboxes.io/library/alpine:3")).toEqual({
        asked: "sandboxes.io/library/alpine:3",
        network: "docker.io/library/alpine:3",
        lines: [note]
      })
      expect(yield* mapped("sandboxes.io/alpine")).toEqual({
        asked: "sandboxes.io/alpine:latest",
        network: "docker.io/library/alpine:latest",
        lines: [note]
      })
    })
  )

  it.effect("warns that other namespaces may be mapped elsewhere one day", () =>
    Effect.gen(function* () {
      const { network, lines } = yield* mapped("sandboxes.io/org/app:1")
      expect(network).toBe("docker.io/org/app:1")
      expect(lines).toEqual([
        "Warn Non-library namespace image requested from Sandboxes registry: org/app",
        "Warn Currently using Docker registry for compatibility, but namespace mappings may change in the future",
        "Info To ensure consistent behavior, consider setting OCI_REGISTRY_DOMAIN=docker.io if you want to use Docker registry consistently"
      ])
    })
  )

  it.effect("is the only registry that is mapped", () =>
    Effect.gen(function* () {
      expect(yield* mapped("ghcr.io/org/app:1")).toEqual({
        asked: "ghcr.io/org/app:1",
        network: "ghcr.io/org/app:1",
        lines: []
      })
    })
  )

  it.effect("has no image groups, which no registry serves: the error is the one that its programs know", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(pullGroup("sandboxes.io/group"))
      expect(error.message).toBe("feature not yet implemented: Sandboxes registry image group pull is not implemented")
    })
  )
})
