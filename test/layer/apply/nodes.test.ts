import { lstatSync, mkdirSync, readdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { expect, test } from "vitest"
import { makeRealNode } from "../../../src/layer/apply/nodes.ts"
import { bytes, fifo, temporary, thrown } from "../../support/entries.ts"
import { withNative } from "../../support/withNative.ts"

const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }

test.each([{}, { makeNode: undefined }])(
  "a node is made beneath a root of any name, and nothing beside it: %o",
  (less) => {
    const root = join(temporary(), "żółw", "größe")
    mkdirSync(root, { recursive: true })
    const make = () => makeRealNode(bytes(root), bytes(join(root, "größe")), fifo("größe", own))
    withNative(less, make)
    expect(lstatSync(join(root, "größe")).isFIFO()).toBe(true)
    expect(readdirSync(dirname(root))).toEqual(["größe"])
    expect(withNative(less, () => thrown(make))).toMatchObject({ code: "EEXIST", path: join(root, "größe") })
  }
)
