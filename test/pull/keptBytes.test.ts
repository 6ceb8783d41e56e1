/** No state that a pull leaves makes the next one fail: what is kept of a blob is a convenience, whatever it is. */
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { collect, fault, randomImage, startRegistry } from "../../src/testing/index.ts"
import { open } from "../support/open.ts"

const made = randomImage("kept", { layers: 1 })

const wholeOf = async () => {
  const { blobs, manifests } = await made
  const { digest = "" } = manifests[0]?.layers[0] ?? {}
  const content = blobs.get(digest)
  if (content === undefined) throw new Error("it has a layer")
  return { digest, bytes: await collect(content) }
}

/** What may answer a request for a range. */
const ranges = {
  served: undefined,
  "refused with 416": fault.status(416),
  "refused with 400": fault.status(400),
  "refused with 405": fault.status(405),
  "refused with 501": fault.status(501),
  "answered with the whole": fault.ignoreRange(),
  "answered without a Content-Range": fault.contentRange(""),
  "answered with a Content-Range that makes no sense": fault.contentRange("bytes ?"),
  "answered from an earlier byte on": fault.shiftedRange(-10)
} as const

const start = async (action: (typeof ranges)[keyof typeof ranges]) => {
  const registry = await startRegistry({ images: { "app:1": await made } })
  if (action !== undefined)
    registry.fault({ kind: "blob", when: ({ headers }) => headers["range"] !== undefined }, action)
  return registry
}

test.for(Object.entries(ranges))(
  "a pull whose body was cut after 50 bytes is followed by one that succeeds, with ranges %s",
  async ([, action]) => {
    await using registry = await start(action)
    const { digest } = await wholeOf()
    const uncut = registry.fault({ kind: "blob", reference: digest, times: 1 }, fault.cut(50))
    await using oci = await open({ retry: { times: 0 } })
    await expect(oci.pull(registry.reference("app:1"))).rejects.toThrow(/interrupted after 50 bytes/)
    uncut()
    expect((await oci.pull(registry.reference("app:1"))).layers).toHaveLength(1)
  }
)

const states: Readonly<Record<string, (whole: Buffer) => Buffer>> = {
  "wrong from the first byte on": (whole) => Buffer.alloc(Math.floor(whole.length / 2), 7),
  "wrong after a good beginning": (whole) => Buffer.concat([whole.subarray(0, 1000), Buffer.alloc(1000, 7)]),
  "an HTML page": () => Buffer.from("<html><body>Log in</body></html>"),
  "all zeros, as a power cut leaves it": (whole) => Buffer.alloc(whole.length),
  "of the right length, one byte wrong": (whole) => {
    const bytes = Buffer.from(whole)
    bytes[whole.length - 20] = (bytes[whole.length - 20] ?? 0) ^ 1
    return bytes
  },
  "larger than the blob": (whole) => Buffer.concat([whole, whole]),
  "one byte short": (whole) => whole.subarray(0, -1),
  nothing: () => Buffer.alloc(0)
}

describe.for(["served", "refused with 416"] as const)("with ranges %s", (how) => {
  test.for(Object.entries(states))("what is kept may be %s", async ([, state]) => {
    await using registry = await start(ranges[how])
    const { digest, bytes } = await wholeOf()
    await using oci = await open({ retry: { times: 0 } })
    await mkdir(join(oci.root, "partial"), { recursive: true })
    await writeFile(join(oci.root, "partial", digest), state(Buffer.from(bytes)))
    expect((await oci.pull(registry.reference("app:1"))).layers).toHaveLength(1)
    expect(await oci.layers()).toEqual([`${digest}.extracted`])
  })
})
