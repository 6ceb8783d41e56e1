/** A body from an open file, by sharing its blocks: the applier's side, whatever the file system can. */
import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { defaultLimits } from "../../../src/api/config.ts"
import { type ApplierOptions, makeApplier } from "../../../src/layer/apply/apply.ts"
import { emptyRoot, file, temporary, thrown } from "../../support/entries.ts"
import { withNative } from "../../support/withNative.ts"

const start = (options: Partial<ApplierOptions> = {}) => {
  const directory = emptyRoot()
  const applier = makeApplier({ directory, digest: "sha256:0", limits: defaultLimits, warn: () => {}, ...options })
  onTestFinished(() => applier.close())
  const path = join(temporary(), "source")
  writeFileSync(path, "the body")
  const source = openSync(path, "r")
  onTestFinished(() => closeSync(source))
  const begin = (name: string, text = "the body") => {
    const { body: _, ...header } = file(name, text, { mode: 0o640 })
    applier.begin(header)
  }
  return { applier, source, begin, directory, written: (name: string) => readFileSync(join(directory, name), "utf8") }
}

const copy = (to: number, from: number): undefined => {
  const bytes = Buffer.alloc(fstatSync(from).size)
  readSync(from, bytes, 0, bytes.length, 0)
  writeSync(to, bytes, 0, bytes.length, 0)
}

test("the file can be read by what is given, and has the metadata of its entry", () => {
  const { applier, source, begin, written, directory } = start()
  withNative({ cloneFile: copy }, () => {
    begin("f")
    const bytes = Buffer.alloc(20)
    const length = readSync(applier.clone(source) ?? -1, bytes, 0, 20, 0)
    applier.end()
    applier.finish()
    expect(bytes.toString("utf8", 0, length)).toBe("the body")
  })
  expect(written("f")).toBe("the body")
  const { mode, mtimeMs } = statSync(join(directory, "f"))
  expect([mode & 0o777, mtimeMs]).toEqual([0o640, 1_600_000_000_000])
})

test("a file system that cannot is asked once, and the bodies are written", () => {
  const { applier, source, begin, written } = start()
  let asked = 0
  const cloneFile = () => {
    asked += 1
    return "ENOTSUP"
  }
  withNative({ cloneFile }, () => {
    for (const name of ["a", "b"]) {
      begin(name)
      expect(applier.clone(source)).toBeUndefined()
      applier.write(Buffer.from("the body"))
      applier.end()
    }
  })
  expect([asked, written("a"), written("b")]).toEqual([1, "the body", "the body"])
})

test("nothing stays of a clone that failed half way", () => {
  const { applier, source, begin, written } = start()
  const cloneFile = (to: number) => {
    writeSync(to, "more than the body that comes", 0)
    return "EINVAL"
  }
  withNative({ cloneFile }, () => {
    begin("f")
    expect(applier.clone(source)).toBeUndefined()
    applier.write(Buffer.from("the body"))
    applier.end()
  })
  expect(written("f")).toBe("the body")
})

test("without native calls, bodies are written", () => {
  const { applier, source, begin } = start()
  withNative({ cloneFile: undefined }, () => {
    begin("f")
    expect(applier.clone(source)).toBeUndefined()
  })
})

test("a whiteout that is applied takes no body, and the next file does", () => {
  const { applier, source, begin, directory } = start({ layout: "rootfs" })
  withNative({ cloneFile: copy }, () => {
    begin(".wh.gone")
    expect(applier.clone(source)).toBeUndefined()
    applier.end()
    begin("f")
    expect(applier.clone(source)).toBeTypeOf("number")
    applier.end()
  })
  expect(thrown(() => statSync(join(directory, "gone")))).toMatchObject({ code: "ENOENT" })
})

test("a sparse file is written", () => {
  const { applier, source } = start()
  withNative({ cloneFile: copy }, () => {
    const { body: _, ...header } = file("f", "the body", { sparse: [{ offset: 0, length: 8 }] })
    applier.begin(header)
    expect(applier.clone(source)).toBeUndefined()
  })
})
