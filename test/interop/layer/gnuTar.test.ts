/** What GNU tar packs and root unpacks, we unpack alike: every type, owner, mode, time, attribute, hole and byte. */
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
import { defaultLimits } from "../../../src/config.ts"
import { makeApplier } from "../../../src/layer/apply.ts"
import { untar } from "../../../src/layer/untar.ts"
import { Gate } from "../../../src/reactive/Gate.ts"
import { snapshot } from "../../support/diskTree.ts"
import { temporary } from "../../support/entries.ts"

const able = process.platform === "linux" && process.getuid?.() === 0

const build = (root: string): void => {
  const run = (program: string, ...words: ReadonlyArray<string>) => execFileSync(program, words, { cwd: root })
  mkdirSync(join(root, "d/empty"), { recursive: true })
  writeFileSync(join(root, "d/f"), "x".repeat(100_000))
  for (let i = 0; i < 50; i++) writeFileSync(join(root, `d/${i}`), "y".repeat(i * 37))
  writeFileSync(join(root, `d/${"long".repeat(60)}`), "")
  linkSync(join(root, "d/f"), join(root, "a link before its target"))
  linkSync(join(root, "d/f"), join(root, "z"))
  symlinkSync("/d/żółw", join(root, "l"))
  symlinkSync("t".repeat(150), join(root, "far"))
  writeFileSync(join(root, "sparse"), "begin")
  truncateSync(join(root, "sparse"), 4 * 2 ** 20)
  run("sh", "-c", "printf end >> sparse")
  run("mknod", "null", "c", "1", "3")
  run("mknod", "disk", "b", "259", "70000")
  run("mkfifo", "pipe")
  run("setfattr", "-n", "user.raw", "-v", "0x00ff80", "d/f")
  run("setfattr", "-n", "security.capability", "-v", "0x0100000200200000000000000000000000000000", "d/7")
  run("chown", "-h", "5:6", "l")
  run("chown", "1000:4294967294", "d/1")
  run("chmod", "4711", "d/2")
  run("chmod", "1777", "d/empty")
  run("chmod", "000", "d/3")
  run("touch", "-h", "-d", "2020-01-02 03:04:05.123456789", "l", "d/2")
  run("touch", "-d", "1950-01-02 03:04:05", "d/3")
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

describe.runIf(able).each(["posix", "gnu"])("tar --format=%s", (format) => {
  test("is unpacked as GNU tar itself does", async () => {
    const [source, theirs, ours] = [temporary(), temporary(), temporary()]
    const archive = join(temporary(), "a.tar")
    build(source)
    const attributes = format === "posix" ? ["--xattrs", "--xattrs-include=*"] : []
    execFileSync("tar", [
      "--warning=none",
      ...attributes,
      `--format=${format}`,
      "-S",
      "-cf",
      archive,
      "-C",
      source,
      "."
    ])
    execFileSync("tar", ["--warning=none", ...attributes, "-xpf", archive, "-C", theirs])

    const gate = new Gate()
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
      .pipe(untar(gate, { digest: "sha256:0", limits: defaultLimits, warn: () => {} }))
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
