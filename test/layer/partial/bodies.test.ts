/** Bytes of stored files: written, or cloned and read again. */
import { createHash } from "node:crypto"
import { closeSync, openSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { leastCloned, readStoredFile } from "../../../src/layer/partial/bodies.ts"
import { temporary } from "../../support/entries.ts"

const large = Buffer.alloc(leastCloned, "l")

/** `copy`: what a clone of the file has; without one, it cannot be cloned. */
const read = (content: Buffer, { copy, wanted = content }: { readonly copy?: Buffer; readonly wanted?: Buffer }) => {
  const directory = temporary()
  const [path, copied] = [join(directory, "stored"), join(directory, "copy")]
  writeFileSync(path, content)
  if (copy !== undefined) writeFileSync(copied, copy)
  const bytes = { written: 0, cloned: 0 }
  let asked = 0
  const is = readStoredFile(
    {
      digest: createHash("sha256").update(wanted).digest("hex"),
      size: wanted.length,
      found: Buffer.from(path).toString("latin1")
    },
    {
      write: ({ length }) => {
        bytes.written += length
      },
      cloned: ({ length }) => {
        bytes.cloned += length
      },
      clone: () => {
        asked += 1
        if (copy === undefined) return undefined
        const file = openSync(copied, "r")
        onTestFinished(() => closeSync(file))
        return file
      }
    }
  )
  return { is, asked, ...bytes }
}

test("what is cloned is read from the clone, and counted as what is written", () => {
  expect(read(large, { copy: large })).toEqual({ is: true, asked: 1, written: 0, cloned: large.length })
})

test("where it cannot be cloned, it is written", () => {
  expect(read(large, {})).toEqual({ is: true, asked: 1, written: large.length, cloned: 0 })
})

test("a small file is not cloned", () => {
  const small = large.subarray(1)
  expect(read(small, { copy: small })).toEqual({ is: true, asked: 0, written: small.length, cloned: 0 })
})

test("the clone has to have the content, whatever the stored file had before and has by now", () => {
  const other = Buffer.alloc(large.length, "o")
  expect(read(large, { copy: other }).is).toBe(false)
  expect(read(other, { copy: large, wanted: large }).is).toBe(true)
})

test.each([
  ["grown", Buffer.alloc(large.length + 1, "l")],
  ["cut", large.subarray(1)]
])("a clone of a file that has %s in between has not", (_, copy) => {
  expect(read(large, { copy }).is).toBe(false)
})
