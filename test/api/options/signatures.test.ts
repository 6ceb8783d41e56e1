/** The option `verify`: a rule that would never count is refused, so that nobody relies on it. */
import { describe, expect, test } from "vitest"
import { invalidOption } from "../../../src/api/options/checkOptions.ts"

const hex = "0123456789abcdef".repeat(4)
const problemOf = (rule: object) => invalidOption("open", { verify: { rules: [rule] } })
const ofScope = (scope: string) => problemOf({ scope, always: "refuse" })

describe("a scope", () => {
  test.each([
    "*",
    "*.example.com",
    "*.Example.com:5000",
    "ghcr.io",
    "GHCR.io/org",
    "localhost",
    "localhost:5000/a",
    "r:5000/a",
    "[::1]:5000/a",
    "ghcr.io/*",
    "ghcr.io/org/*",
    "docker.io/library/*",
    "ghcr.io/org/my_app__x.y--z",
    "ghcr.io/org/app:V1.2-rc_1",
    `ghcr.io/org/app@sha256:${hex}`,
    `ghcr.io/org/app@sha512:${hex}${hex}`,
    "oci:",
    "docker-archive:",
    "oci:/srv/images",
    "docker-archive:/srv/my images/..app/v1.2"
  ])("may be %s", (scope) => {
    expect(ofScope(scope)).toBeUndefined()
  })

  test.each([
    "",
    "**",
    "*.",
    "*.example.com.",
    "*.example.com/app",
    "alpine",
    "library/*",
    "ghcr.io.",
    "https://ghcr.io",
    // No repository is called so.
    "ghcr.io/Org/*",
    "ghcr.io/org/App",
    "ghcr.io//org",
    "ghcr.io/org/",
    "ghcr.io/org/../other",
    "ghcr.io/org_/x",
    "ghcr.io/*/app",
    "ghcr.io/org*",
    `ghcr.io/org/app@sha256:${hex.toUpperCase()}`,
    "ghcr.io/org/app@sha256:abcd",
    `ghcr.io/org/app@md5:${hex.slice(32)}`,
    `ghcr.io/org/app:1@sha256:${hex}`,
    // No path is written so after it was resolved.
    "oci:relative",
    "oci:/",
    "oci:/srv/",
    "oci:/srv//images",
    "oci:/srv/./images",
    "docker-archive:/srv/../images",
    "docker-archive:/srv/app.tar:tag",
    "oci-archive:"
  ])("is never %s, which no image has", (scope) => {
    expect(ofScope(scope)).toMatchObject({ option: "verify.rules[0].scope" })
  })
})

describe("an identity", () => {
  const problemWith = (identity: unknown, issuer: unknown = "https://issuer.test") =>
    problemOf({ scope: "*", any: [{ issuer, identity, trustedRoot: "/root.json" }] })

  test.each(["me@example.com", /^me@/, /./])("may be %s", (identity) => {
    expect(problemWith(identity)).toBeUndefined()
  })

  test.each(["", /(?:)/, /(?:)/i, { source: "x" }])("is never %s, which would be anybody", (name) => {
    expect(problemWith(name)).toMatchObject({ option: "verify.rules[0].any[0].identity" })
    expect(problemWith("me", name)).toMatchObject({ option: "verify.rules[0].any[0].issuer" })
  })
})
