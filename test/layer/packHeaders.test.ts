/** Headers in messages are what they were. */
import fc from "fast-check"
import { expect, test } from "vitest"
import type { EntryHeader } from "../../src/layer/Entry.ts"
import { packHeaders, unpackHeaders } from "../../src/layer/packHeaders.ts"
import { runs } from "../support/runs.ts"

const name = fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString("latin1"))
/** Small ones, those of 32 bits and of more, negative ones: a header may say anything, and what is done about it is decided elsewhere. */
const number = fc.oneof(
  fc.nat({ max: 9 }),
  fc.constantFrom(2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1),
  fc.maxSafeInteger()
)
const links = ["symlink", "link"] as const
const others = ["file", "directory", "character-device", "block-device", "fifo"] as const

const header: fc.Arbitrary<EntryHeader> = fc
  .record({
    path: name,
    linkPath: name,
    type: fc.constantFrom(...links, ...others),
    mode: fc.nat({ max: 0o7777 }),
    uid: number,
    gid: number,
    size: number,
    mtime: fc.record({ seconds: number, nanos: fc.nat({ max: 999_999_999 }) }),
    devMajor: number,
    devMinor: number,
    xattrs: fc.array(fc.tuple(name, fc.uint8Array({ maxLength: 5 })), { maxLength: 2 }).map((all) => new Map(all)),
    sparse: fc.option(fc.array(fc.record({ offset: number, length: number }), { maxLength: 2 }), { nil: undefined })
  })
  .map(({ sparse, ...rest }) => ({
    ...rest,
    linkPath: links.some((it) => it === rest.type) ? rest.linkPath : "",
    ...(sparse && { sparse })
  }))

test("headers that were packed, and cloned as a message is, are what they were", () => {
  fc.assert(
    fc.property(fc.array(header, { maxLength: 20 }), (headers) => {
      const sent = structuredClone(packHeaders(headers))
      expect([...unpackHeaders(sent)]).toEqual(headers)
    }),
    { numRuns: runs(200) }
  )
})
