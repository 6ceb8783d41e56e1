/** Archive entries as the reader would hand them to the applier, and what they leave on disk. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onTestFinished } from "vitest"
import { defaultLimits } from "../../src/api/config.ts"
import type { Warning } from "../../src/api/events.ts"
import { type ApplierOptions, makeApplier } from "../../src/layer/apply/apply.ts"
import type { EntryHeader } from "../../src/layer/Entry.ts"
import { implied } from "../../src/layer/metadata/ownership.ts"

export interface TestEntry extends EntryHeader {
  readonly body?: Uint8Array
}

/** A name in the test's own text as the archive's bytes. */
export const bytes = (text: string): string => Buffer.from(text).toString("latin1")

const base: EntryHeader = { ...implied, mtime: { seconds: 1_600_000_000, nanos: 0 } }

export const dir = (path: string, more: Partial<EntryHeader> = {}): TestEntry => ({ ...base, path, ...more })
export const file = (path: string, text = "", more: Partial<EntryHeader> = {}): TestEntry => ({
  ...base,
  type: "file",
  path,
  mode: 0o644,
  size: Buffer.byteLength(text),
  body: Buffer.from(text),
  ...more
})
export const symlink = (path: string, linkPath: string, more: Partial<EntryHeader> = {}): TestEntry => ({
  ...base,
  type: "symlink",
  path,
  linkPath,
  mode: 0o777,
  ...more
})
export const link = (path: string, linkPath: string, more: Partial<EntryHeader> = {}): TestEntry => ({
  ...base,
  type: "link",
  path,
  linkPath,
  mode: 0o644,
  ...more
})
export const device = (
  path: string,
  devMajor: number,
  devMinor: number,
  more: Partial<EntryHeader> = {}
): TestEntry => ({
  ...base,
  type: "character-device",
  path,
  mode: 0o666,
  devMajor,
  devMinor,
  ...more
})
export const fifo = (path: string, more: Partial<EntryHeader> = {}): TestEntry => ({
  ...base,
  type: "fifo",
  path,
  mode: 0o600,
  ...more
})

/** A directory that goes when the test ends. */
export const temporary = (): string => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "ociflow-layer-")))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export const emptyRoot = (): string => {
  const root = join(temporary(), "root")
  mkdirSync(root)
  return root
}

/** Applies entries whole; gives the warnings. */
export const apply = (
  directory: string,
  entries: ReadonlyArray<TestEntry>,
  options: Partial<ApplierOptions> = {}
): ReadonlyArray<Warning> => {
  const warnings: Array<Warning> = []
  const applier = makeApplier({
    directory,
    digest: "sha256:0123",
    limits: defaultLimits,
    warn: (warning) => warnings.push(warning),
    ...options
  })
  try {
    for (const { body, ...header } of entries) applier.entry(header, body)
    applier.finish()
  } finally {
    applier.close()
  }
  return warnings
}

/** What `run` throws. */
export const thrown = (run: () => unknown): unknown => {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}
