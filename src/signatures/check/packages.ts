/**
 * Sigstore's packages, loaded with the first signature that needs one. They are optional, and each import stands in a `try`: only
 * there does a bundler go on without a package that is missing.
 */
import { loadModule } from "../../fs/loadModule.ts"

/** A CommonJS module, imported. A bundler may give all its names as members of the default export alone. */
const namesOf = <A extends object>(loaded: A): A =>
  "default" in loaded && typeof loaded.default === "object" && loaded.default !== null ? (loaded.default as A) : loaded

type Loading<A> = ReturnType<typeof loadModule<A>>

const fail = (error: unknown): never => {
  throw error
}

export const loadBundle: Loading<typeof import("@sigstore/bundle")> = loadModule("@sigstore/bundle", async () => {
  try {
    return namesOf(await import("@sigstore/bundle"))
  } catch (error) {
    return fail(error)
  }
})

export const loadVerify: Loading<typeof import("@sigstore/verify")> = loadModule("@sigstore/verify", async () => {
  try {
    return namesOf(await import("@sigstore/verify"))
  } catch (error) {
    return fail(error)
  }
})

export const loadTuf: Loading<typeof import("@sigstore/tuf")> = loadModule("@sigstore/tuf", async () => {
  try {
    return namesOf(await import("@sigstore/tuf"))
  } catch (error) {
    return fail(error)
  }
})

export const loadProtobufSpecs: Loading<typeof import("@sigstore/protobuf-specs")> = loadModule(
  "@sigstore/protobuf-specs",
  async () => {
    try {
      return namesOf(await import("@sigstore/protobuf-specs"))
    } catch (error) {
      return fail(error)
    }
  }
)
