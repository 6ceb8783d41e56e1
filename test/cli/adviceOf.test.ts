import { describe, expect, test } from "vitest"
import { PullError } from "../../src/api/errors.ts"
import { adviceOf, messageFor } from "../../src/cli/text/adviceOf.ts"
import { describeFailure } from "../../src/cli/text/describeFailure.ts"
import { sampleReason, samples } from "../support/reasons.ts"

const codes = ["ENOSPC", "EMFILE", "EROFS", "EACCES", "EIO", "ENOENT"].map((code) => ["FileSystemFailed", { code }])
const more = [
  ["InvalidReference", { input: "https://ghcr.io/org/app", suggestion: "ghcr.io/org/app" }],
  ["InvalidReference", { input: "http://r.test/app", suggestion: "r.test/app" }],
  ["RegistryUnreachable", { url: "http://127.0.0.1:5000/v2/" }],
  ["RegistryError", { status: 503, retryAfterMillis: 5000 }],
  ["AddressRefused", { option: "plainHttp", registry: "r.test:5000" }],
  ["AddressRefused", { option: "trustedHosts", registry: "r.test:5000" }]
]
const all = [...samples, ...codes, ...more] as ReadonlyArray<readonly [tag: string, given: object]>

describe("advice", () => {
  test.for(all)("of %s %j speaks of options in the library", ([tag, given]) => {
    expect(sampleReason(tag, given).advice).not.toMatch(/--[a-z]|\bociflow [a-z]+ /)
  })

  test.for(all)("of %s %j speaks of flags and commands at the command line", ([tag, given]) => {
    const advice = adviceOf(sampleReason(tag, given))
    expect(advice.replace(/the library's option \S+/g, "").replace(/`sqlite3 [^`]*`/, "")).not.toMatch(
      /`|\b[a-z]+[A-Z]\w+|\b(?:retry|timeouts|hosts|limits)[.[]/
    )
  })

  test("is what to type", () => {
    expect(adviceOf(sampleReason("FileSystemFailed", { code: "EROFS" }))).toContain("choose another --root.")
    expect(adviceOf(sampleReason("StoreDamaged"))).toBe(
      "ociflow verify with --repair pulls again what is missing or was changed."
    )
    expect(adviceOf(sampleReason("NotCached"))).toMatch(/^Use the --policy missing or always/)
    expect(adviceOf(sampleReason("NotCached", { problem: undefined }))).toBe(
      "A pull stores it. ociflow images lists what is stored."
    )
    expect(adviceOf(sampleReason("RegistryUnreachable", { url: "http://r.test/v2/", remedy: undefined }))).toMatch(
      /If the registry uses TLS, run without --plain-http\.$/
    )
    expect(adviceOf(sampleReason("AddressRefused", { option: "trustedHosts", registry: "r.test:5000" }))).toBe(
      "If you trust 10.0.0.1, add it to --trusted-host r.test:5000=HOST."
    )
    expect(adviceOf(sampleReason("InvalidReference", { input: "http://r.test/app", suggestion: "r.test/app" }))).toBe(
      "Write r.test/app instead, with --plain-http."
    )
    expect(adviceOf(sampleReason("LimitExceeded"))).toContain("raise the library's option limits.entries")
  })
})

test.each([
  ["platform", "--platform must be so"],
  ["layersDir", "--layers-dir must be so"],
  ['hosts["*"].trustedHosts[0]', "--trusted-host *=HOST must be so"],
  ["--username", "--username must be so"]
])("an option that is invalid is named as it was given: %s", (option, said) => {
  expect(messageFor(sampleReason("InvalidOption", { option, problem: "must be so" }))).toBe(said)
})

describe("a failure", () => {
  test("says its reference once", () => {
    const said = (tag: string, reference: string, given: object = {}) =>
      describeFailure(new PullError({ reference, reason: sampleReason(tag, given) }))
    expect(
      said("InvalidReference", "docker://debian", { input: "docker://debian", problem: "invalid registry: docker:" })
    ).toMatch(/^ociflow: InvalidReference: invalid image reference "docker:\/\/debian": invalid registry: docker:\n/)
    expect(said("InvalidOption", "(login)", { option: "--username", problem: "is required" })).toMatch(
      /^ociflow: InvalidOption: --username is required\n/
    )
    expect(said("NotCached", "debian:12")).toMatch(/^ociflow: NotCached: debian:12: /)
  })

  test.for(samples)("of %s %j says nothing twice", ([tag]) => {
    const reference = "registry.test/some/image:tag"
    const given =
      tag === "InvalidReference" ? { input: reference } : tag === "InvalidSource" ? { source: reference } : {}
    const error = new PullError({ reference, reason: sampleReason(tag, given) })
    for (const text of [describeFailure(error).split("\n")[0] ?? "", error.message]) {
      expect(text.split(reference)).toHaveLength(2)
      expect(text).not.toMatch(/\b([\w]{3,} [\w]{3,} \w+)\b.*\1/)
    }
  })

  test("repeats no password of an address that was given as a reference", () => {
    const reference = "https://user:hunter2@ghcr.io/org/app"
    const error = new PullError({ reference, reason: sampleReason("InvalidReference", { input: reference }) })
    for (const text of [describeFailure(error), error.message, JSON.stringify(error)])
      expect(text).not.toContain("hunter2")
  })
})
