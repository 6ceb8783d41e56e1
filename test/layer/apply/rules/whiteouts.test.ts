import { expect, test } from "vitest"
import { whiteoutOf } from "../../../../src/layer/apply/rules/whiteouts.ts"

test.each([
  ["etc", undefined],
  [".wha", undefined],
  ["a.wh.b", undefined],
  [".wh.a", { kind: "hides", name: "a" }],
  [".wh....", { kind: "hides", name: "..." }],
  [".wh..a", { kind: "hides", name: ".a" }],
  [".wh..wh", { kind: "hides", name: ".wh" }],
  [".wh..wh..opq", { kind: "opaque" }],
  [".wh..wh..opqx", { kind: "aufs" }],
  [".wh..wh.aufs", { kind: "aufs" }],
  [".wh.", { kind: "invalid" }],
  [".wh..", { kind: "invalid" }],
  [".wh...", { kind: "invalid" }]
])("%j is %j", (name, whiteout) => {
  expect(whiteoutOf(name)).toEqual(whiteout)
})
