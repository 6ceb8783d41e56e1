/** Names and targets that extractors were led astray by, and honest ones for them to meet. */
import type { Prng } from "../../src/testing/image/Prng.ts"

const hostile = [
  "..",
  "../victim/hello",
  "../../../../victim/new",
  "../root.stat",
  "../root-evil/secret",
  "/",
  "/etc/x",
  "//a//b",
  ".",
  "./",
  "./.",
  "",
  "a/..",
  "a/../..",
  "a/../../victim/hello",
  "a/./b/",
  "a\0b",
  "a\\..\\b",
  "C:\\x",
  "\xff\xfe",
  "e\xcc\x81",
  "\xc3\xa9",
  "A",
  ".wh.a",
  ".wh.",
  ".wh..",
  ".wh...",
  "a/.wh.b",
  "a/.wh..wh..opq",
  ".wh..wh..opq",
  ".wh..wh.plnk/1",
  "l/.wh.hello",
  "GNUSparseFile.0/x",
  "PaxHeaders.0/x",
  "././@LongLink",
  "\n",
  " ",
  "-",
  "a b\tc"
]

const honest = ["a", "b", "l", "a/b", "a/b/c", "l/hello", "l/new", "d/", "d", "d/e/f", "d/e", "h", "s/t"]

/** A binary string. `others`: names of the archive itself, since entries that meet are the interesting ones. */
export const nameOf = (random: Prng, others: ReadonlyArray<string>, outside: string): string => {
  const other = () => others[random.below(others.length)] ?? "a"
  switch (random.below(12)) {
    case 0:
    case 1:
      return hostile[random.below(hostile.length)] ?? "a"
    case 2:
    case 3:
    case 4:
      return honest[random.below(honest.length)] ?? "a"
    case 5:
    case 6:
      return other()
    case 7:
      return `${other()}/${honest[random.below(honest.length)]}`
    case 8:
      return `${outside}/victim${random.pick(["", "/hello", "/sub", "/new"])}`
    case 9:
      return "../".repeat(1 + random.below(12)) + other()
    case 10:
      return `${random.word(1 + random.below(3))}/`.repeat(random.below(60)) + random.word()
    default:
      return random.word(1 + random.below(300))
  }
}

/** A link's target that leads out, in, around, or nowhere. */
export const targetOf = (random: Prng, others: ReadonlyArray<string>, outside: string): string =>
  random.chance(0.4)
    ? random.pick(["../victim", "../victim/hello", "..", ".", "/", "/a", "a", "d", "../root-evil", `${outside}/victim`])
    : nameOf(random, others, outside)
