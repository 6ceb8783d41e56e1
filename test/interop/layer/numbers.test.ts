/** Owners that fit into no 32 bits, and times that fit into no system: umoci takes the owners, umoci and GNU tar the times. */
import { lstatSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { base256, image, paxRecord, paxRecords, type Tar, tar } from "../../../src/testing/index.ts"
import { temporary } from "../../support/entries.ts"
import { layoutOf, tagged, writeFiles } from "../../support/files.ts"
import { open } from "../../support/open.ts"
import { run, unpacked, untarred } from "../support/oracle.ts"

const able = process.platform === "linux" && process.getuid?.() === 0

const layoutWith = async (archive: Tar) =>
  writeFiles(temporary(), layoutOf([[tagged("latest"), await image({ layers: [archive] })]]))

const ours = async (layout: string) => {
  await using oci = await open({ ownership: "chown" })
  const { layers } = await oci.pull(`oci:${layout}:latest`)
  const { uid, gid, mtimeMs } = lstatSync(join(layers[0]?.path ?? "", "f"))
  return { uid, gid, seconds: Math.floor(mtimeMs / 1000) }
}

const owners = [-2n, -3n, -(2n ** 31n), 2n ** 32n, 2n ** 32n - 2n, 2n ** 33n + 5n, 2n ** 55n + 7n]

describe.runIf(able).each(owners)("an owner of %d", (owner) => {
  test.each([
    ["binary", tar("gnu").header({ name: "f", uid: base256(owner, 8), gid: base256(owner, 8) })],
    [
      "pax",
      tar()
        .extension(
          "x",
          "x",
          paxRecords([
            ["uid", String(owner)],
            ["gid", String(owner)]
          ])
        )
        .header({ name: "f" })
    ]
  ])("%s: is umoci's", { timeout: 60_000 }, async (_, archive) => {
    const layout = await layoutWith(archive)
    const { uid, gid } = lstatSync(join(unpacked(layout, join(temporary(), "theirs")), "f"))
    expect(await ours(layout)).toMatchObject({ uid, gid })
  })
})

test.runIf(able)(
  "an owner of −1 is one that umoci leaves to the user who unpacks, root here, and we refuse",
  async () => {
    const layout = await layoutWith(tar("gnu").header({ name: "f", mode: 0o4755, uid: base256(-1n, 8) }))
    expect(lstatSync(join(unpacked(layout, join(temporary(), "theirs")), "f"))).toMatchObject({ uid: 0 })
    await expect(ours(layout)).rejects.toMatchObject({ reason: { _tag: "UnsafeEntry" } })
  }
)

/** What the file system keeps of a time: ext4 no more than 34 bits of seconds. */
const kept = (seconds: number) => {
  const directory = temporary()
  run("touch", "-d", `@${seconds}`, join(directory, "f"))
  return Math.floor(lstatSync(join(directory, "f")).mtimeMs / 1000)
}

test.runIf(able).each([
  ["9007199254740994", 253_402_300_799],
  ["-9007199254740994", -62_135_596_800],
  ["9223372036854775807", 253_402_300_799],
  [`${"0".repeat(30)}5`, 5]
])("a time of %s, which GNU tar and umoci unpack, is the nearest of the years 1 to 9999", async (text, seconds) => {
  const archive = tar().extension("x", "x", paxRecord("mtime", text)).file("f", "")
  const [layout, theirs] = [await layoutWith(archive), temporary()]
  unpacked(layout, join(theirs, "umoci"))
  writeFileSync(join(theirs, "a.tar"), archive.bytes())
  untarred(join(theirs, "a.tar"), "tar", join(theirs, "tar"))
  expect(readdirSync(join(theirs, "tar"))).toEqual(["f"])
  expect((await ours(layout)).seconds).toBe(kept(seconds))
})
