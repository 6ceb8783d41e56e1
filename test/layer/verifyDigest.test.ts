import { createHash } from "node:crypto"
import { from, lastValueFrom, toArray } from "rxjs"
import { describe, expect, test } from "vitest"
import { verifyDigest } from "../../src/layer/verifyDigest.ts"

const bytes = Buffer.from("bytes that are proven")
const digestOf = (algorithm: string) => `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`
const run = (
  digest: string,
  size?: number,
  chunks: ReadonlyArray<Uint8Array> = [bytes.subarray(0, 5), bytes.subarray(5)]
) => lastValueFrom(from(chunks).pipe(verifyDigest("blob", digest, size), toArray()))

describe("verify", () => {
  for (const algorithm of ["sha256", "sha384", "sha512"])
    test(`passes bytes on unchanged that match their ${algorithm}`, async () => {
      expect(Buffer.concat(await run(digestOf(algorithm), bytes.length))).toEqual(bytes)
    })

  test("bytes that differ end in DigestMismatch, which names both digests", async () => {
    const expected = `sha256:${"0".repeat(64)}`
    await expect(run(expected)).rejects.toMatchObject({
      _tag: "DigestMismatch",
      subject: "blob",
      expected,
      actual: digestOf("sha256")
    })
  })

  test("the first byte too many is a SizeMismatch, before anything of its chunk is passed on", async () => {
    const passed: Array<Uint8Array> = []
    const failure = new Promise((resolve) =>
      from([bytes, Buffer.from("x"), Buffer.from("y")])
        .pipe(verifyDigest("blob", digestOf("sha256"), bytes.length))
        .subscribe({ next: (chunk) => passed.push(chunk), error: resolve })
    )
    expect(await failure).toMatchObject({ _tag: "SizeMismatch", expected: bytes.length, actual: bytes.length + 1 })
    expect(passed).toEqual([bytes])
  })

  test("a byte too few is a SizeMismatch at the end", async () => {
    await expect(run(digestOf("sha256"), bytes.length + 1)).rejects.toMatchObject({ _tag: "SizeMismatch" })
  })

  test("an algorithm that proves nothing is refused", async () => {
    await expect(run("md5:d41d8cd98f00b204e9800998ecf8427e")).rejects.toMatchObject({ _tag: "UnsupportedDigest" })
  })
})
