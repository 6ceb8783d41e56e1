import { extract } from "tar-stream"
import { expect, test } from "vitest"
import { encodeHeader } from "../../../src/seams/tar/encodeHeader.ts"

const fields = {
  name: "d/f",
  linkname: "",
  type: "file",
  mode: 0o4711,
  uid: 5,
  gid: 0o777777,
  size: 0,
  mtime: new Date(7000),
  devmajor: 0,
  devminor: 0
}

const decoded = (block: Buffer) =>
  new Promise((resolve, reject) => {
    const reader = extract()
    reader.on("entry", (header) => resolve(header))
    reader.on("error", reject)
    reader.write(block)
  })

test("a header is one block, which tar-stream reads back", async () => {
  const block = encodeHeader(fields)
  expect(block).toHaveLength(512)
  expect(block.toString("latin1", 257, 265)).toBe("ustar\x0000")
  expect(await decoded(block)).toMatchObject({ ...fields, linkname: null })
})

test("mode 0 stays 0, and a size past eleven octal digits is whole", async () => {
  expect(await decoded(encodeHeader({ ...fields, mode: 0, size: 2 ** 40 }))).toMatchObject({ mode: 0, size: 2 ** 40 })
})

test("the types are those of PAX, and of its records", () => {
  const flags = ["file", "link", "symlink", "character-device", "block-device", "directory", "fifo", "pax-header"]
  expect(flags.map((type) => String.fromCharCode(encodeHeader({ ...fields, type })[156] ?? 0)).join("")).toBe(
    "0123456x"
  )
})

test.for(["é", "n".repeat(101)])("a name that does not fit, %s, is an error and not more than a block", (name) => {
  expect(() => encodeHeader({ ...fields, name })).toThrow("tar-stream")
})
