/** A document → the bytes of one that nobody wrote. */
import type { Prng } from "../../../src/testing/image/Prng.ts"
import { type Json, jsonOf, type Place, placesIn, raw, textOf } from "./Json.ts"

const numbers = [
  "0",
  "-0",
  "-1",
  "0.5",
  "1e300",
  "1e999",
  "-1e300",
  "1e-7",
  "1E3",
  "2147483648",
  "4294967296",
  "549755813888",
  "549755813889",
  "9007199254740991",
  "9007199254740992",
  "18446744073709551616",
  "1".repeat(400)
] as const

const texts = [
  "",
  " ",
  "..",
  "../../etc/passwd",
  "/",
  "__proto__",
  "constructor",
  "a\u0000b",
  "\u001b[2J\u009b31m",
  "\u202eevil",
  "line\nline\u2028line",
  "\ud800",
  "é".repeat(300),
  "x".repeat(5000),
  "linux",
  "amd64",
  "windows",
  "unknown",
  "1",
  "null",
  "=",
  "A=1=2",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v1+prettyjws",
  "application/vnd.oci.empty.v1+json",
  "application/json",
  "text/html; charset=utf-8"
] as const

const digests = [
  "sha256:",
  ":",
  "sha256",
  `sha256:${"0".repeat(63)}`,
  `sha256:${"0".repeat(64)}`,
  `sha256:${"A".repeat(64)}`,
  `SHA256:${"0".repeat(64)}`,
  `sha512:${"0".repeat(64)}`,
  `sha512:${"0".repeat(128)}`,
  `md5:${"0".repeat(32)}`,
  `blake3:${"0".repeat(64)}`,
  `sha256:${"0".repeat(64)}/../..`,
  `sha256:${"0".repeat(64)}\n`,
  `a+b.c_d-e:${"=".repeat(64)}`,
  `sha256:${"0".repeat(300)}`,
  `multihash+base58:${"z".repeat(180)}`
] as const

const keys = [
  "__proto__",
  "constructor",
  "toString",
  "",
  "layers",
  "config",
  "manifests",
  "fsLayers",
  "mediaType",
  "schemaVersion",
  "annotations",
  "artifactType",
  "size",
  "digest",
  "urls",
  "data",
  "platform",
  "os.version",
  "rootfs",
  "diff_ids",
  "org.opencontainers.image.title",
  "vnd.docker.reference.type",
  "a\u0000\u202e",
  "0"
] as const

const textJson = (random: Prng): Json => raw(JSON.stringify(random.pick(texts)))

/** Of any type. */
export const oddValue = (random: Prng): Json => {
  switch (random.below(9)) {
    case 0:
    case 1:
      return raw(random.pick(numbers))
    case 2:
    case 3:
      return textJson(random)
    case 4:
      return raw(JSON.stringify(random.pick(digests)))
    case 5:
      return raw(random.pick(["null", "true", "false", "[]", "{}", "[null]", "[[]]", '{"":null}']))
    case 6:
      return { kind: "array", items: Array.from({ length: random.below(5) }, () => oddValue(random)) }
    case 7:
      return {
        kind: "object",
        entries: Array.from({ length: random.below(5) }, () => [random.pick(keys), oddValue(random)])
      }
    default:
      return raw(JSON.stringify(random.pick(numbers)))
  }
}

const lengths = [2, 40, 499, 500, 501, 4096, 4097, 20_000] as const
const depths = [3, 400, 499, 500, 501, 4000] as const

const otherCase = (random: Prng, key: string): string =>
  random.pick([key.toUpperCase(), key.replaceAll("s", "ſ"), key.replaceAll("k", "\u212a"), `${key} `, key.slice(1)])

const mutateEntries = (random: Prng, entries: Array<[string, Json]>, index: number): void => {
  const entry = entries[index]
  if (entry === undefined) return
  switch (random.below(5)) {
    case 0:
      entries.splice(index, 1)
      break
    case 1:
      entries.splice(random.below(entries.length + 1), 0, [entry[0], random.chance(0.5) ? entry[1] : oddValue(random)])
      break
    case 2:
      entries.push([otherCase(random, entry[0]), random.chance(0.5) ? entry[1] : oddValue(random)])
      break
    case 3:
      entry[0] = random.chance(0.5) ? otherCase(random, entry[0]) : random.pick(keys)
      break
    default:
      entries.push([random.pick(keys), oddValue(random)])
  }
}

const isDigestText = ({ value }: Place) => value.kind === "raw" && /^"sha(?:256|512):/.test(value.text)

/** Bytes that are added at once: a document of more than the limit is refused before it is read. */
const mostBytes = 2 ** 20

const mutateOnce = (random: Prng, document: Json): void => {
  const places = placesIn(document)
  const place = places[random.below(places.length)]
  if (place === undefined) return
  const { value, parent, index, put } = place
  switch (random.below(9)) {
    case 0:
    case 1:
      put(oddValue(random))
      break
    case 2: {
      const digest = places.filter(isDigestText)
      digest[random.below(digest.length)]?.put(raw(JSON.stringify(random.pick(digests))))
      break
    }
    case 3: {
      const sized = places.filter(({ value }) => value.kind === "raw" && /^\d+$/.test(value.text))
      sized[random.below(sized.length)]?.put(raw(random.pick(numbers)))
      break
    }
    case 4: {
      const lists = places.filter((it) => it.parent.kind === "array")
      const found = lists[random.below(lists.length)]
      if (found?.parent.kind !== "array") break
      // As texts: what is copied would be mutated in all its places, and grow with them.
      const text = textOf(found.value)
      const copies = Array.from({ length: Math.min(random.pick(lengths), Math.ceil(mostBytes / text.length)) }, () =>
        raw(text)
      )
      found.parent.items.splice(found.index, 1, ...copies)
      break
    }
    case 5: {
      if (!random.chance(0.3)) break
      const depth = random.pick(depths)
      const [open, close] = random.pick([
        ["[", "]"],
        ['{"a":', "}"]
      ])
      put(raw(open.repeat(depth) + textOf(value) + close.repeat(depth)))
      break
    }
    case 6: {
      const other = places[random.below(places.length)]
      if (other === undefined) break
      const [mine, theirs] = [textOf(value), textOf(other.value)]
      put(raw(theirs))
      if (!theirs.includes(mine) && !mine.includes(theirs)) other.put(raw(mine))
      break
    }
    case 7: {
      const many = random.pick([3, 40, random.chance(0.1) ? 33_000 : 200])
      put({
        kind: "object",
        entries: Array.from({ length: many }, (_, at) => [`k${at}`, at < 40 ? oddValue(random) : raw("1")])
      })
      break
    }
    default:
      if (parent.kind === "object") mutateEntries(random, parent.entries, index)
      else if (parent.kind === "array") parent.items.splice(index, 1)
  }
}

const mutateBytes = (random: Prng, bytes: Buffer): Buffer => {
  const at = random.below(bytes.length)
  switch (random.below(5)) {
    case 0:
      return bytes.subarray(0, at)
    case 1:
      return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes])
    case 2: {
      const changed = Buffer.from(bytes)
      changed[at] = random.below(256)
      return changed
    }
    case 3:
      return Buffer.concat([bytes, Buffer.from(random.pick([" ", "\n", "\0", "{}", ",", "<html>"]))])
    default:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(1 + random.below(4)), bytes.subarray(at)])
  }
}

export const mutateDocument = (value: unknown, random: Prng, times: number): Buffer => {
  const document = jsonOf(value)
  for (let i = 0; i < times && textOf(document).length < mostBytes; i++) mutateOnce(random, document)
  const bytes = Buffer.from(textOf(document))
  return times > 0 && random.chance(0.08) ? mutateBytes(random, bytes) : bytes
}
