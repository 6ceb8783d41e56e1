import { expect, test } from "vitest"
import type { EntryType } from "../../../src/layer/Entry.ts"
import { makeOverrideStat, overrideStat } from "../../../src/layer/metadata/overrideStat.ts"

const stat = (type: EntryType, mode: number, ids = 0) => ({ type, mode, uid: ids, gid: ids, devMajor: 8, devMinor: 17 })

test("the seed's form holds the type in the mode's own bits", () => {
  const forms = (["file", "directory", "symlink", "character-device", "block-device", "fifo"] as const).map((type) =>
    overrideStat(stat(type, 0o644), "seed")
  )
  expect(forms).toEqual(["0:0:0100644", "0:0:040644", "0:0:0120644", "0:0:020644", "0:0:060644", "0:0:010644"])
})

test("the seed's form fits into the 32 bytes that libkrun reads, whatever the owner", () => {
  expect(overrideStat(stat("symlink", 0o7777, 2 ** 32 - 2), "seed").length).toBeLessThanOrEqual(32)
})

test("the form of containers/storage names the type, and a device's numbers", () => {
  const forms = (["file", "directory", "symlink", "character-device", "block-device", "fifo"] as const).map((type) =>
    overrideStat(stat(type, 0o44), "containers")
  )
  expect(forms).toEqual([
    "0:0:0044:file",
    "0:0:0044:dir",
    "0:0:0044:symlink",
    "0:0:0044:char-8-17",
    "0:0:0044:block-8-17",
    "0:0:0044:pipe"
  ])
})

test("the bytes are the text's, however many stats a layer has", () => {
  const bytesOf = makeOverrideStat("seed")
  for (let round = 0; round < 2; round++) {
    for (let id = 0; id < 100; id++) {
      expect(bytesOf(stat("file", 0o600, id)).toString()).toBe(overrideStat(stat("file", 0o600, id), "seed"))
    }
  }
})
