/** What others pack and GNU tar, as root, unpacks, we unpack alike: every type, owner, mode, time, attribute, hole and byte. */
import { execFileSync } from "node:child_process"
import {
  linkSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { from } from "rxjs"
import { describe, expect, test } from "vitest"
import { defaultLimits } from "../../../src/api/config.ts"
import { makeApplier } from "../../../src/layer/apply/apply.ts"
import { untar } from "../../../src/layer/tar/untar.ts"
import { snapshot } from "../../support/diskTree.ts"
import { temporary } from "../../support/entries.ts"

const able = process.platform === "linux" && process.getuid?.() === 0

type Tree = "whole" | "modest" | "plain"

/** `modest`: what fits into ustar; `plain`: no devices and pipes either. */
const build = (root: string, tree: Tree): void => {
  const run = (program: string, ...words: ReadonlyArray<string>) => execFileSync(program, words, { cwd: root })
  mkdirSync(join(root, "d/empty"), { recursive: true })
  writeFileSync(join(root, "d/f"), "x".repeat(100_000))
  for (let i = 0; i < 50; i++) writeFileSync(join(root, `d/${i}`), "y".repeat(i * 37))
  mkdirSync(join(root, `deep/${"er/".repeat(40)}`), { recursive: true })
  linkSync(join(root, "d/f"), join(root, "a link before its target"))
  linkSync(join(root, "d/f"), join(root, "z"))
  symlinkSync("/d/żółw", join(root, "l"))
  writeFileSync(join(root, "sparse"), "begin")
  truncateSync(join(root, "sparse"), 4 * 2 ** 20)
  run("sh", "-c", "printf end >> sparse")
  if (tree !== "plain") {
    run("mknod", "null", "c", "1", "3")
    run("mknod", "disk", "b", "259", "70000")
    run("mkfifo", "pipe")
  }
  run("chown", "-h", "5:6", "l")
  run("chmod", "4711", "d/2")
  run("chmod", "1777", "d/empty")
  run("chmod", "000", "d/3")
  run("touch", "-h", "-d", "2020-01-02 03:04:05.123456789", "l", "d/2")
  if (tree === "whole") {
    writeFileSync(join(root, `d/${"long".repeat(60)}`), "")
    symlinkSync("t".repeat(150), join(root, "far"))
    run("setfattr", "-n", "user.raw", "-v", "0x00ff80", "d/f")
    run("setfattr", "-n", "security.capability", "-v", "0x0100000200200000000000000000000000000000", "d/7")
    run("chown", "1000:4294967294", "d/1")
    run("touch", "-d", "1950-01-02 03:04:05", "d/3")
  }
  utimesSync(join(root, "d/empty"), 7, 7)
  utimesSync(join(root, "d"), 8, 8)
  run("sh", "-c", "touch -d @9 .")
}

/** What has to be alike: not when a file was made, nor which inode it got. */
const facts = (root: string) =>
  Object.fromEntries(
    Object.entries(snapshot(root)).map(([name, { inode, ctime, links, ...rest }]) => [
      name,
      { ...rest, ...(rest["body"] === undefined ? {} : { links }) }
    ])
  )

const xattrs = ["--xattrs", "--xattrs-include=*"]
const gnu = (...options: ReadonlyArray<string>) => ["tar", "--warning=none", ...options, "-S", "-cf"]

/** The command, up to the archive's name. */
const packers: Readonly<Record<string, readonly [tree: Tree, command: ReadonlyArray<string>]>> = {
  "GNU tar, posix": ["whole", gnu("--format=posix", ...xattrs)],
  "GNU tar, gnu": ["whole", gnu("--format=gnu")],
  "GNU tar, oldgnu": ["whole", gnu("--format=oldgnu")],
  "GNU tar, ustar": ["modest", ["tar", "--warning=none", "--format=ustar", "-cf"]],
  "GNU tar, v7": ["plain", ["tar", "--warning=none", "--format=v7", "--exclude=deep", "-cf"]],
  "GNU tar, holes in form 0.0": ["whole", gnu("--format=posix", "--sparse-version=0.0", ...xattrs)],
  "GNU tar, holes in form 0.1": ["whole", gnu("--format=posix", "--sparse-version=0.1", ...xattrs)],
  "GNU tar, a label": ["whole", gnu("--format=gnu", "--label=label")],
  "GNU tar, a label in global records": ["whole", gnu("--format=posix", "--label=label", ...xattrs)],
  "GNU tar, an incremental dump": ["whole", gnu("--format=gnu", "--listed-incremental=snapshot")],
  "GNU tar, a time for every file's records": [
    "whole",
    gnu("--format=posix", "--pax-option=atime:=1,ctime:=1", ...xattrs)
  ],
  "bsdtar, pax": ["whole", ["bsdtar", "--format=pax", "-cf"]],
  "bsdtar, restricted pax": ["whole", ["bsdtar", "--format=paxr", "-cf"]],
  "bsdtar, ustar": ["modest", ["bsdtar", "--format=ustar", "-cf"]],
  "bsdtar, gnutar": ["whole", ["bsdtar", "--format=gnutar", "-cf"]],
  "bsdtar, v7": ["plain", ["bsdtar", "--format=v7tar", "--exclude=deep", "-cf"]],
  busybox: ["modest", ["busybox", "tar", "cf"]]
}

describe.runIf(able).each(Object.entries(packers))("%s", (_, [tree, [packer = "", ...options]]) => {
  test("is unpacked as GNU tar does", async () => {
    const [source, theirs, ours, beside] = [temporary(), temporary(), temporary(), temporary()]
    const archive = join(beside, "a.tar")
    build(source, tree)
    execFileSync(packer, [...options, archive, "-C", source, "."], { cwd: beside, stdio: ["ignore", "ignore", "pipe"] })
    execFileSync("tar", ["--warning=none", "--delay-directory-restore", ...xattrs, "-xpf", archive, "-C", theirs])

    const applier = makeApplier({
      directory: ours,
      digest: "sha256:0",
      limits: defaultLimits,
      warn: (warning) => expect(warning).toBeUndefined(),
      ownership: "chown"
    })
    const whole = readFileSync(archive)
    const chunks = Array.from({ length: Math.ceil(whole.length / 65_536) }, (_, i) =>
      whole.subarray(i * 65_536, (i + 1) * 65_536)
    )
    await from(chunks)
      .pipe(untar({ digest: "sha256:0", limits: defaultLimits, warn: () => {} }))
      .forEach((part) => {
        if (part._tag === "Entry") applier.entry(part.header, part.body)
        else if (part._tag === "Begin") applier.begin(part.header)
        else if (part._tag === "Data") applier.write(part.chunk)
        else applier.end()
      })
    applier.finish()
    applier.close()

    expect(facts(ours)).toEqual(facts(theirs))
    expect(statSync(join(ours, "sparse")).blocks).toBeLessThanOrEqual(statSync(join(theirs, "sparse")).blocks)
  })
})
