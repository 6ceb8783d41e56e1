import * as Effect from "effect/Effect"
import { describe, expect, test } from "vitest"
import { fitness, formatPlatform, hostPlatform, normalizePlatform, parsePlatform } from "../../src/image/Platform.ts"

const platform = (text: string) => Effect.runSync(parsePlatform(text))
const order = (wanted: string, ...offered: ReadonlyArray<string>) =>
  offered
    .map((text) => ({ text, rank: fitness(platform(wanted), platform(text)) }))
    .filter((it): it is { readonly text: string; readonly rank: number } => it.rank !== undefined)
    .sort((a, b) => a.rank - b.rank)
    .map(({ text }) => text)

describe("a platform", () => {
  test("is printable, whatever a config says", () => {
    for (const evil of ["\u009b31m", "\u202e", "\u200b"])
      expect(formatPlatform({ os: `lin${evil}ux`, architecture: evil })).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  })

  test("has one spelling", () => {
    const cases = {
      "linux/x86_64": "linux/amd64",
      "Linux/AMD64/v1": "linux/amd64",
      "linux/amd64/v3": "linux/amd64/v3",
      "linux/aarch64": "linux/arm64",
      "linux/arm64/v8": "linux/arm64",
      "linux/arm64/8": "linux/arm64",
      "linux/arm": "linux/arm/v7",
      "linux/armhf": "linux/arm/v7",
      "linux/armel": "linux/arm/v6",
      "linux/arm/6": "linux/arm/v6",
      "linux/i686": "linux/386",
      "macos/arm64": "darwin/arm64",
      "linux/riscv64": "linux/riscv64"
    }
    for (const [text, expected] of Object.entries(cases)) expect(formatPlatform(platform(text)), text).toBe(expected)
  })

  test("is refused where it is none", () => {
    for (const text of ["", "linux", "linux/", "/amd64", "linux/arm/v7/x", "linux/a b", `linux/${"a".repeat(100)}`])
      expect(Effect.runSync(Effect.flip(parsePlatform(text)))._tag).toBe("InvalidOption")
  })

  test("takes what its hardware can run, the best first", () => {
    expect(
      order("linux/arm/v8", "linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/arm/v8", "linux/arm64")
    ).toEqual(["linux/arm/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5"])
    expect(order("linux/arm/v6", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5")).toEqual([
      "linux/arm/v6",
      "linux/arm/v5"
    ])
    expect(order("linux/arm64", "linux/arm/v7", "linux/amd64", "linux/arm64/v8", "linux/arm64/v9")).toEqual([
      "linux/arm64/v8",
      "linux/arm/v7"
    ])
    expect(order("linux/arm64/v9", "linux/arm64/v8", "linux/arm64/v8.5", "linux/arm64/v8.6", "linux/arm64/v9")).toEqual(
      ["linux/arm64/v9", "linux/arm64/v8.5", "linux/arm64/v8"]
    )
    expect(
      order("linux/amd64/v3", "linux/386", "linux/amd64", "linux/amd64/v4", "linux/amd64/v2", "linux/amd64/v3")
    ).toEqual(["linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "linux/386"])
    expect(order("linux/amd64", "linux/amd64/v2", "windows/amd64", "linux/arm64")).toEqual([])
    expect(order("linux/s390x", "linux/s390x", "linux/s390")).toEqual(["linux/s390x"])
  })

  test("of Windows is bound to its build", () => {
    const windows = (osVersion: string) => ({ os: "windows", architecture: "amd64", osVersion })
    expect(fitness(windows("10.0.20348.1"), windows("10.0.20348.2"))).toBe(0)
    expect(fitness(windows("10.0.20348.1"), windows("10.0.17763.1"))).toBeUndefined()
    expect(fitness({ os: "windows", architecture: "amd64" }, windows("10.0.17763.1"))).toBe(0)
  })

  test("may be told by a stranger in any words", () => {
    for (const word of ["__proto__", "constructor", "toString", "", "\u001b"])
      expect(
        fitness({ os: "linux", architecture: "amd64" }, { os: word, architecture: word, variant: word })
      ).toBeUndefined()
    expect(normalizePlatform({ os: "linux", architecture: "constructor" }).architecture).toBe("constructor")
  })

  test("of this machine is Linux on macOS and Windows", () => {
    expect(formatPlatform(hostPlatform("darwin", "arm64"))).toBe("linux/arm64")
    expect(formatPlatform(hostPlatform("win32", "x64"))).toBe("linux/amd64")
    expect(formatPlatform(hostPlatform("linux", "ia32"))).toBe("linux/386")
    expect(formatPlatform(hostPlatform("freebsd", "x64"))).toBe("freebsd/amd64")
  })
})
