/**
 * `sandboxes.io`: a name without a registry of its own. Its images come from Docker Hub and stay stored under the name
 * that was asked for, so that they are found by that name.
 */
import * as Effect from "effect/Effect"
import { NotImplemented } from "../../api/errors.ts"
import type { Reference } from "./Reference.ts"
import { dockerHub } from "./registryName.ts"

const sandboxes = "sandboxes.io"

/** The reference that the network is asked for; every registry but `sandboxes.io` is itself. */
export const networkReference = (reference: Reference): Reference => {
  const { registry, repository } = reference
  if (registry !== sandboxes) return reference
  return {
    ...reference,
    registry: dockerHub,
    repository: repository.includes("/") ? repository : `library/${repository}`
  }
}

/** Logs that a reference to `sandboxes.io` is served by Docker Hub, and that this may not stay so. */
export const explainMapping = Effect.fnUntraced(function* (reference: Reference) {
  const { repository } = networkReference(reference)
  if (reference.registry !== sandboxes) return
  if (repository.startsWith("library/")) {
    yield* Effect.logInfo("pulling library image from Docker registry for compatibility")
    return
  }
  yield* Effect.logWarning(`Non-library namespace image requested from Sandboxes registry: ${repository}`)
  yield* Effect.logWarning(
    "Currently using Docker registry for compatibility, but namespace mappings may change in the future"
  )
  yield* Effect.logInfo(
    "To ensure consistent behavior, consider setting OCI_REGISTRY_DOMAIN=docker.io if you want to use Docker registry consistently"
  )
})

/**
 * Always `NotImplemented`, in the words of microsandbox, whose programs ask for the images of a group by one name: they meet
 * the answer that they know, as a typed error. There is nothing to implement: no registry serves groups, no spec defines them.
 */
export const pullGroup = (_group: string): Effect.Effect<never, NotImplemented> =>
  Effect.fail(new NotImplemented({ feature: "Sandboxes registry image group pull is not implemented" }))
