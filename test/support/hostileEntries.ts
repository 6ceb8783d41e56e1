/** Arbitrary entries whose few names meet: each other, and a tree outside (`OUTSIDE`). */
import fc from "fast-check"
import { device, dir, fifo, file, link, symlink, type TestEntry } from "./entries.ts"

const component = fc.constantFrom(
  "a",
  "b",
  "A",
  "..",
  ".",
  "victim",
  "hello",
  ".wh.a",
  ".wh.hello",
  ".wh..wh..opq",
  "é",
  "\xe9"
)
const relative = fc.array(component, { minLength: 1, maxLength: 5 }).map((names) => names.join("/"))
const path = fc.oneof(
  relative,
  relative.map((it) => `/${it}`),
  relative.map((it) => `${it}/`)
)
const target = fc.oneof(
  path,
  path,
  fc.constantFrom("..", "../..", "/", ".", "OUTSIDE/victim", "OUTSIDE/victim/hello", "../victim")
)

export const hostileEntry: fc.Arbitrary<TestEntry> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(path, fc.string({ maxLength: 4, unit: "binary-ascii" }))
      .map(([p, text]) => file(p, text, { mode: 0o777 }))
  },
  { weight: 3, arbitrary: path.map((p) => dir(p, { mode: 0o700, uid: 5, mtime: { seconds: 1, nanos: 1 } })) },
  { weight: 5, arbitrary: fc.tuple(path, target).map(([p, t]) => symlink(p, t)) },
  { weight: 3, arbitrary: fc.tuple(path, target).map(([p, t]) => link(p, t)) },
  { weight: 1, arbitrary: path.map((p) => fifo(p)) },
  { weight: 1, arbitrary: path.map((p) => device(p, 1, 3)) }
)
