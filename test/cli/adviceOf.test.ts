import { describe, expect, test } from "vitest"
import { adviceOf, messageFor } from "../../src/cli/text/adviceOf.ts"
import { sampleReason, samples } from "../support/reasons.ts"

const codes = ["ENOSPC", "EMFILE", "EROFS", "EACCES", "EIO", "ENOENT"].map((code) => ["FileSystemFailed", { code }])
const more = [
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
    expect(adviceOf(sampleReason("NotCached"))).toMatch(/^ociflow images lists .* the --policy missing or always/)
    expect(adviceOf(sampleReason("AddressRefused", { option: "trustedHosts", registry: "r.test:5000" }))).toBe(
      "If you trust 10.0.0.1, add it to --trusted-host r.test:5000=HOST."
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
