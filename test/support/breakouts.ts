/** Archives that were written to leave the root they are extracted into, and the trees that they make under a chroot. */
import { linkSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect } from "vitest"
import { device, dir, fifo, file, link, symlink, type TestEntry } from "./entries.ts"

export interface Breakout {
  readonly name: string
  readonly entries: (outside: string) => ReadonlyArray<TestEntry>
  /** What stands in the root already. */
  readonly before?: (root: string) => void
  /** Refused, or made as `check` says. */
  readonly refused?: RegExp
  /** The system's own limits end it. */
  readonly failed?: string
  readonly check?: (root: string) => void
}

const text = (path: string, expected: string) => (root: string) =>
  expect(readFileSync(join(root, path), "utf8")).toBe(expected)
const same = (a: string, b: string) => (root: string) =>
  expect(statSync(join(root, a)).ino).toBe(statSync(join(root, b)).ino)
const etc = [dir("etc", { mode: 0o770 }), file("/etc/passwd", "inside")]

export const breakouts: ReadonlyArray<Breakout> = [
  // ------------------------------------------------------------------------------------------------------------ names
  { name: "a name that climbs", entries: () => [file("../victim/new", "x")], check: text("victim/new", "x") },
  {
    name: "a name that climbs from the top",
    entries: () => [file("/../victim/new", "x")],
    check: text("victim/new", "x")
  },
  {
    name: "a name that climbs far",
    entries: () => [file("../../../../../../victim/new", "x")],
    check: text("victim/new", "x")
  },
  {
    name: "a name that climbs in the middle",
    entries: () => [dir("a"), file("a/b/../../../victim/new", "x")],
    check: text("victim/new", "x")
  },
  {
    name: "a name that ends by climbing",
    entries: () => [file("a/..", "x")],
    refused: /only a directory can be the root/
  },
  { name: "the parent, as a file", entries: () => [file("..", "x")], refused: /only a directory can be the root/ },
  {
    name: "the parent, as a symbolic link",
    entries: () => [...etc, symlink("..", "/etc/")],
    refused: /only a directory can be the root/
  },
  {
    name: "no name, as a symbolic link",
    entries: () => [...etc, symlink("", "/etc/")],
    refused: /only a directory can be the root/
  },
  {
    name: "the root, as a symbolic link",
    entries: () => [symlink("./", "../victim"), file("x", "x")],
    refused: /only a directory can be the root/
  },
  {
    name: "the root, as a hard link",
    entries: () => [link("/", "etc/passwd")],
    refused: /only a directory can be the root/
  },
  {
    name: "the parent, as a directory",
    entries: () => [dir("..", { mode: 0o777 }), file("a", "x")],
    check: text("a", "x")
  },
  {
    name: "the outside's absolute name",
    entries: (outside) => [file(`${outside}/victim/hello`, "x")],
    check: () => {}
  },
  {
    name: "a sibling that begins like the root",
    entries: () => [file("../root-evil/secret", "x")],
    check: text("root-evil/secret", "x")
  },
  { name: "a name with a NUL byte", entries: () => [file("a\0/../../victim/new", "x")], refused: /NUL/ },
  {
    name: "many slashes and dots",
    entries: () => [file("//.//..///./victim//.//new", "x")],
    check: text("victim/new", "x")
  },
  // --------------------------------------------------------------------------------------------------- symbolic links
  {
    name: "through an absolute link",
    entries: () => [dir("etc"), symlink("localetc", "/etc"), file("/localetc/unbroken", "u")],
    check: text("etc/unbroken", "u")
  },
  {
    name: "through a link that goes up and down",
    entries: () => [dir("etc"), dir("dummy"), symlink("localetc", "/dummy/../etc"), file("/localetc/unbroken", "u")],
    check: text("etc/unbroken", "u")
  },
  {
    name: "through two absolute links",
    entries: () => [
      dir("etc"),
      dir("dummy"),
      symlink("/dummy/etc", "/etc"),
      symlink("localetc", "/dummy/etc"),
      file("/localetc/unbroken", "u")
    ],
    check: text("etc/unbroken", "u")
  },
  {
    name: "through a relative and an absolute link",
    entries: () => [
      dir("etc"),
      dir("dummy"),
      symlink("/dummy/etc", "/etc"),
      symlink("localetc", "./dummy/etc"),
      file("/dummy/etc/unbroken", "u")
    ],
    check: text("etc/unbroken", "u")
  },
  {
    name: "emptying a file through a link",
    entries: () => [dir("etc"), file("etc/emptied", "full"), symlink("localetc", "/etc"), file("/localetc/emptied")],
    check: text("etc/emptied", "")
  },
  {
    name: "below a link to the outside",
    entries: () => [symlink("loophole", "../victim"), file("loophole/file", "x")],
    check: text("victim/file", "x")
  },
  {
    name: "below a link to the outside, two directories deep",
    entries: () => [symlink("dir/loophole", "../../victim"), file("dir/loophole/newdir/newfile", "x")],
    check: text("victim/newdir/newfile", "x")
  },
  {
    name: "below a link to the outside's absolute name",
    entries: (outside) => [symlink("loophole", `${outside}/victim`), file("loophole/hello", "x")],
    check: () => {}
  },
  {
    name: "two hops, each of which looks harmless",
    entries: () => [
      dir("inner"),
      symlink("inner/go_up", ".."),
      symlink("inner/go_up/escape", "../victim"),
      file("inner/go_up/escape/newfile", "x")
    ],
    check: text("victim/newfile", "x")
  },
  {
    name: "a chain of links that climbs a step each",
    entries: () => [
      dir("a/b/c"),
      symlink("a/b/c/u", ".."),
      symlink("a/b/c/u/u", ".."),
      symlink("a/b/u/u", ".."),
      symlink("a/u/u", "../victim"),
      file("a/u/u/x", "x")
    ],
    check: () => {}
  },
  {
    name: "a directory replaced by a link after it was written into",
    entries: () => [dir("d"), file("d/a", "1"), symlink("d", "../victim"), file("d/hello", "x")],
    check: text("victim/hello", "x")
  },
  {
    name: "a directory replaced by a link, and named again with a slash",
    entries: () => [dir("d"), file("d/a"), symlink("d/", "../victim"), dir("d/"), file("d/hello", "x")],
    check: text("d/hello", "x")
  },
  {
    name: "a parent's parent replaced by a link",
    entries: () => [file("a/b/c/x", "1"), symlink("a/b", "../../victim"), file("a/b/hello", "x"), file("a/b/c/x", "2")],
    check: text("victim/c/x", "2")
  },
  {
    name: "a link replaced by a directory and back",
    entries: () => [
      symlink("d", "../victim"),
      dir("d"),
      file("d/hello", "x"),
      symlink("d", "../victim"),
      file("d/hello", "y")
    ],
    check: text("victim/hello", "y")
  },
  {
    name: "a directory replaced by a link from inside itself (the way that is kept leads through it)",
    entries: () => [symlink("d/up", "/"), file("d/up/x", "x"), symlink("d/up/d", "../victim"), file("d/hello", "x")],
    check: text("victim/hello", "x")
  },
  {
    name: "a directory replaced by a hard link to a link, from inside itself",
    entries: () => [
      symlink("out", "../victim"),
      symlink("d/up", "/"),
      file("d/up/x", "x"),
      link("d/up/d", "out"),
      file("d/hello", "x")
    ],
    check: text("victim/hello", "x")
  },
  {
    name: "a directory replaced by a file from inside itself",
    entries: () => [symlink("d/up", "/"), file("d/up/x", "x"), file("d/up/d", "x"), file("d/hello", "x")],
    refused: /not a directory/
  },
  {
    name: "names that differ in case (node-tar CVE-2021-37701)",
    entries: () => [dir("foo"), symlink("FOO", "../victim"), file("foo/hello", "x")],
    check: text("foo/hello", "x")
  },
  {
    name: "names that differ in Unicode form (node-tar CVE-2021-37712)",
    entries: () => [dir("caf\xc3\xa9"), symlink("cafe\xcc\x81", "../victim"), file("caf\xc3\xa9/hello", "x")],
    check: () => {}
  },
  {
    name: "ligatures (node-tar GHSA-r6q2)",
    entries: () => [symlink("\xef\xac\x81", "../victim"), file("FI/hello", "x")],
    check: text("FI/hello", "x")
  },
  {
    name: "writing onto a link to an outside file",
    entries: () => [symlink("x", "../victim/hello"), file("x", "inside")],
    check: text("x", "inside")
  },
  {
    name: "a directory onto a link to an outside directory",
    entries: () => [symlink("x", "../victim"), dir("x", { mode: 0o700, uid: 5 }), file("x/hello", "in")],
    check: text("x/hello", "in")
  },
  {
    name: "a device onto a link",
    entries: () => [symlink("x", "../victim/hello"), device("x", 1, 3)],
    check: () => {}
  },
  { name: "a FIFO onto a link", entries: () => [symlink("x", "../victim/hello"), fifo("x")], check: () => {} },
  {
    name: "links in a circle",
    entries: () => [symlink("a", "b"), symlink("b", "a"), file("a/x", "x")],
    refused: /40 symbolic links/
  },
  { name: "a link to itself", entries: () => [symlink("a", "a"), file("a/x", "x")], refused: /40 symbolic links/ },
  {
    name: "a link to /proc/self/cwd",
    entries: () => [symlink("p", "/proc/self/cwd"), file("p/x", "x")],
    check: text("proc/self/cwd/x", "x")
  },
  {
    name: "a dangling link on the way",
    entries: () => [symlink("l", "/dne"), file("l/x", "x")],
    check: text("dne/x", "x")
  },
  {
    name: "a link that climbs out of a place that comes later",
    entries: () => [symlink("l", "later/../../victim"), file("l/x", "x")],
    check: text("victim/x", "x")
  },
  {
    name: "a file where a directory is needed",
    entries: () => [file("a", "x"), file("a/b", "x")],
    refused: /not a directory/
  },
  {
    name: "tarfile's chain of long names (CVE-2025-4517)",
    entries: () => {
      const long = "d".repeat(247)
      const steps = "abcdefghijklmnop".split("")
      const made: Array<TestEntry> = []
      let path = ""
      for (const step of steps) {
        made.push(dir(`${path}${long}`), symlink(`${path}${step}`, long))
        path += `${step}/`
      }
      return [
        ...made,
        symlink(`${path}${"l".repeat(254)}`, "../".repeat(steps.length)),
        symlink("escape", `${path}${"l".repeat(254)}/../victim`),
        file("escape/hello", "x")
      ]
    },
    failed: "ENAMETOOLONG"
  },
  // ------------------------------------------------------------------------------------------------------- hard links
  {
    name: "a hard link below a climbing link",
    entries: () => [
      ...etc,
      dir("breakouts"),
      symlink("breakouts/d1", "../../etc"),
      link("breakouts/mypasswd", "/breakouts/d1/passwd")
    ],
    check: same("breakouts/mypasswd", "etc/passwd")
  },
  {
    name: "a hard link below a link that goes down and out",
    entries: () => [
      ...etc,
      dir("breakouts"),
      dir("downandout"),
      symlink("breakouts/d1", "../downandout/../../etc"),
      link("breakouts/mypasswd", "/breakouts/d1/passwd")
    ],
    check: same("breakouts/mypasswd", "etc/passwd")
  },
  {
    name: "a hard link below an absolute link",
    entries: () => [...etc, symlink("localetc", "/etc"), link("localpasswd", "/localetc/passwd")],
    check: same("localpasswd", "etc/passwd")
  },
  {
    name: "a hard link below a long climbing link",
    entries: () => [...etc, symlink("localetc", "../../../../../../../etc"), link("localpasswd", "/localetc/passwd")],
    check: same("localpasswd", "etc/passwd")
  },
  {
    name: "a hard link below a link through what is not there",
    entries: () => [
      ...etc,
      dir("upandout"),
      symlink("localetc", "upandout/../../../etc"),
      link("localpasswd", "/localetc/passwd")
    ],
    check: same("localpasswd", "etc/passwd")
  },
  {
    name: "a hard link that climbs",
    entries: () => [...etc, link("localpasswd", "../../../../../etc/passwd")],
    check: same("localpasswd", "etc/passwd")
  },
  {
    name: "an absolute hard link",
    entries: () => [...etc, link("localpasswd", "/etc/passwd")],
    check: same("localpasswd", "etc/passwd")
  },
  { name: "a hard link to the outside", entries: () => [link("dotdot", "../victim/hello")], refused: /does not hold/ },
  {
    name: "a hard link to the outside from the top",
    entries: () => [link("slash-dotdot", "/../victim/hello")],
    refused: /does not hold/
  },
  {
    name: "a hard link to the outside's absolute name",
    entries: (outside) => [link("x", `${outside}/victim/hello`), file("x", "x")],
    check: text("x", "x")
  },
  {
    name: "a hard link to a sibling that begins like the root",
    entries: () => [link("grab", "../root-evil/secret")],
    refused: /does not hold/
  },
  {
    name: "a hard link to an outside directory",
    entries: () => [link("loophole", "../victim"), file("loophole/file", "x")],
    check: text("loophole/file", "x")
  },
  {
    name: "a hard link through an outside link",
    entries: () => [symlink("loophole", "../victim"), link("hardlink", "loophole/hello")],
    refused: /does not hold/
  },
  {
    name: "a hard link to a link to the outside, then written (CVE-2026-26960)",
    entries: () => [symlink("s", "../victim/hello"), link("h", "s"), file("h", "x")],
    check: text("h", "x")
  },
  {
    name: "a hard link to a link to the outside, metadata",
    entries: () => [symlink("s", "../victim/hello"), link("h", "s", { mode: 0o777, uid: 7 })],
    check: () => {}
  },
  { name: "a hard link to a directory", entries: () => [dir("d"), link("h", "d")], refused: /to a directory/ },
  { name: "a hard link to the root", entries: () => [link("h", "/")], refused: /to the root/ },
  {
    name: "a hard link in the place of its target's parent",
    entries: () => [file("d/f", "x"), link("d", "d/f")],
    refused: /target's parent/
  },
  {
    name: "a hard link whose directory became a link",
    entries: () => [link("d/h", "t"), symlink("d", "../victim"), file("t", "x")],
    check: text("t", "x")
  },
  {
    name: "a hard link over a directory replaced by a link",
    entries: () => [...etc, dir("localetc"), symlink("localetc", "/etc"), link("/localetc/localpasswd", "/etc/passwd")],
    check: same("etc/localpasswd", "etc/passwd")
  },
  {
    name: "a hard link below a directory that replaced a link",
    before: (root) => {
      mkdirSync(join(root, "etc"))
      writeFileSync(join(root, "etc/passwd"), "inside")
      symlinkSync("/etc", join(root, "localetc"))
    },
    entries: () => [dir("/localetc/"), link("/localetc/localpasswd", "/etc/passwd")],
    check: same("localetc/localpasswd", "etc/passwd")
  },
  {
    name: "a file over a hard link leaves the inode alone",
    before: (root) => {
      mkdirSync(join(root, "etc"))
      writeFileSync(join(root, "etc/passwd"), "inside")
      mkdirSync(join(root, "l"))
      linkSync(join(root, "etc/passwd"), join(root, "l/p"))
    },
    entries: () => [file("l/p", "different")],
    check: text("etc/passwd", "inside")
  },
  {
    name: "a hard link before its target, through a link that then leads out",
    entries: () => [dir("a"), link("h", "a/hello"), symlink("a", "../victim")],
    refused: /does not hold/
  },
  // -------------------------------------------------------------------------------------------------------- whiteouts
  { name: "a whiteout of nothing", entries: () => [file(".wh.")], refused: /whiteout/ },
  { name: "a whiteout of the directory", entries: () => [file("etc/.wh..")], refused: /whiteout/ },
  { name: "a whiteout of the parent", entries: () => [file("etc/.wh...")], refused: /whiteout/ },
  { name: "a whiteout of the root's parent", entries: () => [file(".wh...")], refused: /whiteout/ },
  {
    name: "a whiteout below a link to the outside",
    entries: () => [symlink("l", "../victim"), file("l/.wh.hello")],
    check: () => {}
  },
  {
    name: "an opaque marker below a link to the outside",
    entries: () => [symlink("l", "../victim"), file("l/.wh..wh..opq")],
    check: () => {}
  },
  {
    name: "an opaque marker below an absolute link to the outside",
    entries: (outside) => [symlink("l", `${outside}/victim`), file("l/.wh..wh..opq")],
    check: () => {}
  },
  { name: "a whiteout that is a link", entries: () => [symlink(".wh.x", "../victim/hello")], check: () => {} },
  {
    name: "a file below a directory that is named like a whiteout",
    entries: () => [file(".wh.etc/somefile", "full")],
    check: text(".wh.etc/somefile", "full")
  },
  // ------------------------------------------------------------------------------------------------------------ lies
  { name: "a device number out of range", entries: () => [device("d", 4096, 0)], refused: /out of range/ },
  { name: "a negative device number", entries: () => [device("d", 1, -1)], refused: /out of range/ },
  {
    name: "an owner that chown would take for no change, of a setuid file",
    entries: () => [file("f", "", { uid: 2 ** 32 - 1, mode: 0o4755 })],
    refused: /out of range/
  },
  {
    name: "a group that chown would take for no change",
    entries: () => [file("f", "", { gid: 2 ** 32 - 1 })],
    refused: /out of range/
  },
  { name: "an owner out of range", entries: () => [file("f", "", { uid: 2 ** 32 })], refused: /out of range/ },
  {
    name: "a socket",
    entries: () => [file("s", "", { type: "socket" as "file" })],
    refused: /"socket" is not supported/
  },
  { name: "a symbolic link to nothing", entries: () => [symlink("l", "")], refused: /without a target/ },
  { name: "a link target with a NUL byte", entries: () => [symlink("l", "a\0b")], refused: /NUL/ },
  {
    name: "a body longer than its header says",
    entries: () => [{ ...file("f", "12345"), size: 2 }],
    refused: /longer/
  },
  {
    name: "a body shorter than its header says",
    entries: () => [{ ...file("f", "12345"), size: 20 }],
    refused: /5 bytes/
  },
  {
    name: "a sparse map that lies",
    entries: () => [{ ...file("f", "12345"), size: 20, sparse: [{ offset: 18, length: 5 }] }],
    refused: /sparse/
  },
  {
    name: "the name of the stat file beside the root",
    entries: () => [file("../root.stat", "x"), file("../root.node", "x")],
    check: text("root.stat", "x")
  }
]
