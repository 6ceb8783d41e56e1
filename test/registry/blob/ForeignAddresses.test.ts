import { expect, test } from "vitest"
import { ForeignAddresses } from "../../../src/registry/blob/ForeignAddresses.ts"
import { digestOf } from "../images.ts"

const urls = ["http://a/1", "http://b/1"]
const blob = { digest: digestOf(Buffer.from("a")), size: 1, urls }
const wrongOf = (addresses: ForeignAddresses, digest: string = blob.digest) => [...addresses.wrong(digest)]

test("an address is wrong once a blob that it sent has proved wrong; another one is tried as long as there is one", () => {
  const addresses = new ForeignAddresses()
  expect(addresses.reportMismatch(blob.digest)).toBe(false)
  addresses.served(blob, "http://a/1")
  expect(wrongOf(addresses)).toEqual([])
  expect(addresses.reportMismatch(blob.digest)).toBe(true)
  expect(wrongOf(addresses)).toEqual(["http://a/1"])
  // What came now came from elsewhere.
  expect(addresses.reportMismatch(blob.digest)).toBe(false)
  addresses.served(blob, "http://b/1")
  expect(addresses.reportMismatch(blob.digest)).toBe(false)
  expect(wrongOf(addresses)).toEqual(urls)
  expect(wrongOf(addresses, digestOf(Buffer.from("b")))).toEqual([])
})

test("an address of more than 4096 characters is not remembered", () => {
  const addresses = new ForeignAddresses()
  const [longest, longer] = ["a".repeat(4096), "a".repeat(4097)]
  addresses.served(blob, longer)
  expect(addresses.reportMismatch(blob.digest)).toBe(false)
  addresses.served(blob, longest)
  addresses.reportMismatch(blob.digest)
  expect(wrongOf(addresses)).toEqual([longest])
})

test("of a blob 32 addresses are remembered; of more, the ones that were wrong before are forgotten", () => {
  const addresses = new ForeignAddresses()
  for (let at = 0; at < 32; at++) {
    addresses.served(blob, `http://a/${at}`)
    addresses.reportMismatch(blob.digest)
  }
  expect(wrongOf(addresses)).toHaveLength(32)
  addresses.served(blob, "http://b/1")
  addresses.reportMismatch(blob.digest)
  expect(wrongOf(addresses)).toEqual(["http://b/1"])
})

test("100 blobs are remembered; with one more, the others are forgotten", () => {
  const addresses = new ForeignAddresses()
  const digests = Array.from({ length: 100 }, (_, at) => digestOf(Buffer.of(at)))
  const another = digestOf(Buffer.of(100))
  const report = (digest: typeof blob.digest) => {
    addresses.served({ ...blob, digest }, "http://a/1")
    addresses.reportMismatch(digest)
  }
  for (const digest of [...digests, ...digests.slice(0, 1)]) report(digest)
  expect(digests.filter((digest) => wrongOf(addresses, digest).length === 0)).toEqual([])
  report(another)
  expect(digests.filter((digest) => wrongOf(addresses, digest).length > 0)).toEqual([])
  expect(wrongOf(addresses, another)).toEqual(["http://a/1"])
})
