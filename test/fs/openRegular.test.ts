/** A look at a small file waits for nobody, and follows no link. */
import { execFileSync } from "node:child_process"
import { mkdir, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, test } from "vitest"
import { peek } from "../../src/fs/openRegular.ts"
import { temporaryRoot } from "../support/open.ts"

test.each([
  ["", ""],
  ["ab", "ab"],
  ["abc", "abc"],
  ["abcd", "abc"]
])("of %j, at most 3 bytes are %j", async (content, expected) => {
  await using home = await temporaryRoot()
  const path = join(home.root, "file")
  await writeFile(path, content)
  expect(await peek(path, 3)).toBe(expected)
})

test.runIf(process.platform !== "win32")("a link, a directory, a FIFO and a missing file have no bytes", async () => {
  await using home = await temporaryRoot()
  const at = (name: string) => join(home.root, name)
  await writeFile(at("file"), "abc")
  await symlink(at("file"), at("link"))
  await mkdir(at("directory"))
  execFileSync("mkfifo", [at("fifo")])
  for (const name of ["link", "directory", "fifo", "missing"])
    expect(await peek(at(name), 3).catch(() => ""), name).toBe("")
})
