/** An archive → one that nobody wrote. Checksums are repaired where the mutation would not be reached otherwise. */
import type { Prng } from "../../src/testing/image/Prng.ts"
import { base256, paxRecord, tar } from "../../src/testing/index.ts"
import { nameOf, targetOf } from "./names.ts"
import { nameIn, repair, type Unit, unitsOf } from "./units.ts"

const types = [..."01234567LKxXgVDMNSAQ\0s"]
const binary = (text: string) => Buffer.from(text, "latin1")

const numbers = [0, 1, 511, 512, 513, 1024, 4096, 65535, 65536, 2 ** 20, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1, 2 ** 32]

const fieldText = (random: Prng, width: number): Buffer => {
  switch (random.below(7)) {
    case 0:
      return Buffer.from(base256(BigInt(numbers[random.below(numbers.length)] ?? 0), width))
    case 1:
      return Buffer.from(base256(-BigInt(1 + random.below(2 ** 20)), width))
    case 2:
      return Buffer.from(base256(BigInt(2 ** 32) ** BigInt(random.below(4)) * BigInt(random.next()), width))
    case 3:
      return random.bytes(width)
    case 4:
      return Buffer.alloc(width, random.pick([0, 0x20, 0x30, 0x37, 0x39, 0x2d, 0xff, 0x80]))
    case 5:
      return binary(
        random
          .pick(["-1", " 12 ", "12\x0034", "0x10", "8", "1e3", "777777777777", "12 34", "\x0012"])
          .padEnd(width, "\0")
      ).subarray(0, width)
    default:
      return binary(
        `${(numbers[random.below(numbers.length)] ?? 0)
          .toString(8)
          .padStart(width - 1, "0")
          .slice(-width + 1)}\0`
      )
  }
}

const numeric = [
  [100, 8],
  [108, 8],
  [116, 8],
  [124, 12],
  [124, 12],
  [136, 12],
  [329, 8],
  [337, 8],
  [386, 12],
  [398, 12],
  [410, 12],
  [483, 12]
] as const

const paxValue = (random: Prng, names: ReadonlyArray<string>, outside: string): string => {
  switch (random.below(8)) {
    case 0:
      return nameOf(random, names, outside)
    case 1:
      return String(numbers[random.below(numbers.length)])
    case 2:
      return random.pick(["-1", "-1.5", "1.0000000019", "1e9", "99999999999999999999", "0x10", " 1", "1 ", "", "00012"])
    case 3:
      return Array.from({ length: random.below(9) }, () => numbers[random.below(7)] ?? 0).join(",")
    case 4:
      return random.bytes(random.below(80)).toString("latin1")
    case 5:
      return String(random.below(4096))
    case 6:
      return targetOf(random, names, outside)
    default:
      return "v".repeat(random.below(2000))
  }
}

const keywords = [
  "path",
  "path",
  "linkpath",
  "size",
  "size",
  "uid",
  "gid",
  "mtime",
  "atime",
  "uname",
  "hdrcharset",
  "comment",
  "SCHILY.xattr.user.a",
  "SCHILY.xattr.user.containers.override_stat",
  "SCHILY.xattr.trusted.overlay.opaque",
  "SCHILY.xattr.security.capability",
  "SCHILY.xattr.",
  "SCHILY.xattr.user.\xff",
  "LIBARCHIVE.xattr.user.b",
  "GNU.sparse.major",
  "GNU.sparse.minor",
  "GNU.sparse.name",
  "GNU.sparse.size",
  "GNU.sparse.realsize",
  "GNU.sparse.numblocks",
  "GNU.sparse.map",
  "GNU.sparse.offset",
  "GNU.sparse.numbytes",
  "SCHILY.devmajor",
  "__proto__"
]

const paxBody = (random: Prng, names: ReadonlyArray<string>, outside: string): Buffer =>
  Buffer.concat(
    Array.from({ length: 1 + random.below(4) }, () => {
      const key = keywords[random.below(keywords.length)] ?? "path"
      const value = paxValue(random, names, outside)
      return Buffer.from(paxRecord(binary(key), binary(value)))
    })
  )

/** One or several entries that were made up. */
const invented = (random: Prng, names: ReadonlyArray<string>, outside: string): Buffer => {
  const archive = tar(random.pick(["gnu", "gnu", "pax", "pax"]))
  for (let i = 1 + random.below(3); i > 0; i--) {
    const name = binary(nameOf(random, names, outside))
    const target = binary(targetOf(random, names, outside))
    switch (random.below(13)) {
      case 0:
      case 1:
      case 2:
        archive.symlink(name, target)
        break
      case 3:
      case 4:
        archive.hardLink(name, target)
        break
      case 5:
      case 6:
        archive.directory(name, { mode: random.below(0o10000), mtime: random.below(2 ** 31) })
        break
      case 7:
        archive.characterDevice(name, random.below(5000), random.below(2 ** 21))
        break
      case 8:
        archive.fifo(name)
        break
      case 9:
        archive.extension(random.pick(["x", "x", "X", "g"]), "x", paxBody(random, names, outside))
        break
      case 10:
        archive.extension(random.pick(["L", "K"]), "././@LongLink", random.chance(0.5) ? name : target)
        break
      default:
        archive.file(name, random.bytes(random.below(1500)), { mode: random.below(0o10000), uid: random.below(70000) })
    }
  }
  return archive.bytes()
}

type Mutation = (units: Array<Unit>, random: Prng, context: MutationContext) => void

export interface MutationContext {
  /** Where the sentinels are. */
  readonly outside: string
  /** Names that the archive has. */
  readonly names: ReadonlyArray<string>
  /** Units of another archive. */
  readonly other: () => ReadonlyArray<Unit>
}

/** A unit and one of its headers, copied so that they may be changed. */
const someHeader = (units: Array<Unit>, random: Prng): { readonly bytes: Buffer; readonly at: number } | undefined => {
  const index = random.below(units.length)
  const unit = units[index]
  const at = unit?.headers[random.below(unit.headers.length)]
  if (unit === undefined || at === undefined || at + 512 > unit.bytes.length) return undefined
  const bytes = Buffer.from(unit.bytes)
  units[index] = { ...unit, bytes }
  return { bytes, at }
}

const inHeader =
  (change: (block: Buffer, at: number, random: Prng, context: MutationContext) => void): Mutation =>
  (units, random, context) => {
    const found = someHeader(units, random)
    if (found === undefined) return
    change(found.bytes, found.at, random, context)
    repair(found.bytes, found.at)
  }

const put = (block: Buffer, at: number, width: number, text: Buffer) => {
  block.fill(0, at, at + width)
  text.copy(block, at, 0, Math.min(width, text.length))
}

const mutations: ReadonlyArray<Mutation> = [
  // Any bytes anywhere.
  (units, random) => {
    const index = random.below(units.length)
    const unit = units[index]
    if (unit === undefined || unit.bytes.length === 0) return
    const bytes = Buffer.from(unit.bytes)
    for (let i = 1 + random.below(8); i > 0; i--) bytes[random.below(bytes.length)] = random.next() & 0xff
    units[index] = { ...unit, bytes }
  },
  // Any bytes of a header whose checksum is right all the same.
  inHeader((block, at, random) => {
    for (let i = 1 + random.below(4); i > 0; i--) block[at + random.below(512)] = random.next() & 0xff
  }),
  inHeader((block, at, random) => {
    const [offset, width] = numeric[random.below(numeric.length)] ?? [124, 12]
    fieldText(random, width).copy(block, at + offset)
  }),
  inHeader((block, at, random) => {
    block[at + 156] = (types[random.below(types.length)] ?? "0").charCodeAt(0)
  }),
  inHeader((block, at, random, { names, outside }) => put(block, at, 100, binary(nameOf(random, names, outside)))),
  inHeader((block, at, random, { names, outside }) =>
    put(block, at + 157, 100, binary(targetOf(random, names, outside)))
  ),
  inHeader((block, at, random, { names, outside }) => {
    put(block, at + 257, 8, binary(random.pick(["ustar\x0000", "ustar  \0", "", "ustar\0\0\0", "USTAR\0"])))
    if (random.chance(0.5)) put(block, at + 345, 155, binary(nameOf(random, names, outside)))
    if (random.chance(0.2)) put(block, at + 508, 4, binary("tar\0"))
  }),
  // An old GNU sparse map.
  inHeader((block, at, random) => {
    block[at + 156] = 0x53
    for (let i = 0; i < 4; i++) for (const half of [0, 12]) fieldText(random, 12).copy(block, at + 386 + 24 * i + half)
    block[at + 482] = random.below(2)
    fieldText(random, 12).copy(block, at + 483)
  }),
  // The body that follows a header: records, long names and maps are bytes, too.
  (units, random) => {
    const found = someHeader(units, random)
    if (found === undefined) return
    const { bytes, at } = found
    const room = Math.min(bytes.length - at - 512, 512)
    if (room <= 0) return
    for (let i = 1 + random.below(5); i > 0; i--)
      bytes[at + 512 + random.below(room)] = random.pick([
        0, 0x0a, 0x20, 0x2c, 0x2d, 0x2e, 0x2f, 0x30, 0x39, 0x3d, 0xff
      ])
  },
  (units, random, { names, outside }) => {
    const bytes = invented(random, names, outside)
    units.splice(random.below(units.length + 1), 0, { bytes, headers: [0] })
  },
  (units, random, { names, outside }) => {
    const bytes = tar()
      .extension("x", "x", paxBody(random, names, outside))
      .bytes()
    units.splice(random.below(units.length), 0, { bytes, headers: [0] })
  },
  (units, random) => void units.splice(random.below(units.length), 1),
  (units, random) => {
    const unit = units[random.below(units.length)]
    if (unit !== undefined) units.splice(random.below(units.length + 1), 0, unit)
  },
  (units, random, { other }) => {
    const others = other()
    const from = random.below(others.length)
    units.splice(random.below(units.length + 1), 0, ...others.slice(from, from + 1 + random.below(3)))
  },
  (units, random) => {
    const headers = random.chance(0.5) ? [] : [0]
    const bytes = random.chance(0.7) ? Buffer.alloc(512 * (1 + random.below(3))) : random.bytes(random.below(1200))
    units.splice(random.below(units.length + 1), 0, { bytes, headers })
  },
  // A cut, which moves everything that follows.
  (units, random) => {
    const index = random.below(units.length)
    const unit = units[index]
    if (unit === undefined) return
    const length = random.chance(0.5) ? random.below(unit.bytes.length + 1) : Math.max(0, unit.bytes.length - 512)
    units[index] = { bytes: unit.bytes.subarray(0, length), headers: unit.headers.filter((at) => at < length) }
  }
]

export const mutate = (archive: Buffer, random: Prng, outside: string, other: () => Buffer): Buffer => {
  const units = unitsOf(archive)
  if (units.length === 0) units.push({ bytes: archive, headers: [] })
  const names = units.flatMap(({ bytes, headers }) =>
    headers.filter((at) => at + 512 <= bytes.length).map((at) => nameIn(bytes, at))
  )
  const context = { outside, names, other: () => unitsOf(other()) }
  for (let i = random.below(6); i > 0; i--) {
    const mutation = mutations[random.below(mutations.length)]
    if (units.length > 0) mutation?.(units, random, context)
  }
  const bytes = Buffer.concat(units.map((unit) => unit.bytes))
  return random.chance(0.03) ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes
}
