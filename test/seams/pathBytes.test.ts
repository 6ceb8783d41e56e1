import { expect, test } from "vitest"
import { pathBytes } from "../../src/seams/pathBytes.ts"

test.for(["plain", "caf\u00c3\u00a9", "\xff\xfe", "a\x80b"])(
  "%j is the bytes that its characters stand for",
  (binary) => {
    expect(pathBytes(binary).toString("latin1")).toBe(binary)
  }
)
