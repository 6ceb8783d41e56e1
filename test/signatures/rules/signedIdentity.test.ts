/** The repository that a signature names, without a registry: of Docker Hub, as everywhere. */
import * as Effect from "effect/Effect"
import { expect, test } from "vitest"
import type { SignedIdentity } from "../../../src/api/signatures.ts"
import { signedIdentityProblem } from "../../../src/signatures/rules/signedIdentity.ts"

const pulled = { registry: "docker.io", repository: "library/app", tag: "1" }
const problem = (wanted: SignedIdentity, named: string) =>
  Effect.runPromise(signedIdentityProblem(wanted, pulled, named))

test.each(["app:1", "library/app:1", "docker.io/app:1", "index.docker.io/library/app:1"])(
  "%s is the image that was pulled",
  async (named) => {
    expect(await problem({ type: "matchExact" }, named)).toBeUndefined()
    expect(await problem({ type: "matchRepoDigestOrExact" }, named)).toBeUndefined()
  }
)

test.each(["app", "library/app", "docker.io/app"])("%s has no tag, and is of no image in particular", async (named) => {
  expect(await problem({ type: "matchExact" }, named)).toMatch(/without a tag/)
  expect(await problem({ type: "matchRepository" }, named)).toBeUndefined()
})

test.each(["app:2", "other:1", "r.test/app:1"])("%s is another image", async (named) => {
  expect(await problem({ type: "matchExact" }, named)).toMatch(/it was made for/)
})
