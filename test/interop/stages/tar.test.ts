/** What `tar` and `archive` write, GNU tar, bsdtar and umoci unpack as root: every type, owner, mode, time, attribute, link and byte. */
import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { from, lastValueFrom, map, toArray } from "rxjs"
import { describe, expect, test } from "vitest"
import { archive, type TarEntry, tar, untar } from "../../../src/stages/index.ts"
import { image, tar as made, randomImage } from "../../../src/testing/index.ts"
import { temporary } from "../../support/entries.ts"
import { layoutOf, tagged, writeFiles } from "../../support/files.ts"
import { everythingBeneath, unpacked, untarred } from "../support/oracle.ts"
import { differences, readTree } from "../support/tree.ts"

const able = process.platform === "linux" && process.getuid?.() === 0
const utf8 = { ...process.env, LC_ALL: "C.UTF-8" }

const rewritten = async (bytes: Uint8Array) =>
  Buffer.concat(
    await lastValueFrom(
      from([bytes]).pipe(
        untar(),
        tar(),
        map((chunk) => Buffer.from(chunk)),
        toArray()
      )
    )
  )

const written = async (entries: Iterable<TarEntry>) => {
  const chunks: Array<Uint8Array> = []
  for await (const chunk of archive(entries)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** By each program, a directory that it unpacked the archive into. */
const programs: Readonly<Record<string, (archive: Uint8Array) => Promise<string>>> = {
  "GNU tar": async (bytes) => {
    const [beside, to] = [temporary(), temporary()]
    writeFileSync(join(beside, "a.tar"), bytes)
    return untarred(join(beside, "a.tar"), "tar", to)
  },
  bsdtar: async (bytes) => {
    const to = temporary()
    execFileSync("bsdtar", ["-x", "-p", "--numeric-owner", "-f", "-", "-C", to], { input: bytes, env: utf8 })
    return to
  },
  umoci: async (bytes) => {
    const beside = temporary()
    // The image's own layers end their archives themselves.
    const it = await image({ layers: [made().raw(bytes.subarray(0, -1024))], compression: "none" })
    await writeFiles(join(beside, "layout"), layoutOf([[tagged("latest"), it]]))
    return unpacked(join(beside, "layout"), join(beside, "root"))
  }
}

const whole = (): string => {
  const root = temporary()
  const run = (command: string) => execFileSync("sh", ["-euc", command], { cwd: root })
  mkdirSync(join(root, "d/empty"), { recursive: true })
  run(`echo text >d/f; ln d/f hard; ln d/f d/z; ln -s /d/żółw l; mkfifo pipe; mknod null c 1 3; mknod disk b 259 1048575
    : >none; head -c 100000 /dev/urandom >d/large; truncate -s 3M sparse; printf end >>sparse
    echo 1 >"$(printf 'raw\\377\\200')"; echo 2 >"$(printf 'd/%0120d\\376' 7)"; ln -s "$(printf 'to\\377')" "$(printf 'l\\376')"
    echo 3 >"d/${"long".repeat(60)}"; ln -s ${"t".repeat(150)} far; ln "d/${"long".repeat(60)}" second; echo 4 >żółw
    setfattr -n user.raw -v 0x00ff803d0a d/f; setfattr -n user.dir -v a d/empty
    setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 d/large
    chown 5:6 -h l; chown 1000:4294967294 none; chown 262144:2097152 d/large; chmod 4711 none; chmod 1777 d/empty; chmod 000 żółw
    touch -h -d '2020-01-02 03:04:05.123456789' l d/f none; touch -d '2100-01-02 03:04:05.000000001' żółw
    touch -d @7 d/empty; touch -d @8.5 d; touch -d @9 .`)
  return root
}

describe.runIf(able).each(Object.entries(programs))("%s", (_, unpack) => {
  test.for(["posix", "gnu"])("unpacks what was rewritten of an archive in the format %s", async (format) => {
    const root = whole()
    const from = join(temporary(), "x.tar")
    execFileSync("tar", [
      `--format=${format}`,
      ...(format === "posix" ? ["--xattrs", "--xattrs-include=*"] : []),
      "-S",
      "-cf",
      from,
      "-C",
      root,
      "."
    ])
    const original = readTree((await programs["GNU tar"]?.(readFileSync(from))) ?? "")
    expect(original.size).toBe(20)
    expect(
      differences(readTree(await unpack(await rewritten(readFileSync(from)))), original, everythingBeneath)
    ).toEqual([])
  })

  test.for([1, 2, 3])("unpacks what was rewritten of random image %i", async (seed) => {
    const { manifests, blobs } = await randomImage(seed, { compression: "none", layers: 1 })
    const blob = blobs.get(manifests[0]?.layers[0]?.digest ?? "")
    const chunks: Array<Uint8Array> = []
    for await (const chunk of blob?.read(0, blob.size) ?? []) chunks.push(chunk)
    const bytes = Buffer.concat(chunks)
    expect(
      differences(readTree(await unpack(await rewritten(bytes))), readTree(await unpack(bytes)), everythingBeneath)
    ).toEqual([])
  })

  test("unpacks what entries say", async () => {
    const mtimeNs = 1_577_934_245_123_456_789n
    const body = [Buffer.from("hi")]
    const root = await unpack(
      await written([
        { path: "f", type: "file", mode: 0, uid: 4_294_967_294, gid: 7, size: 2, body, mtimeNs },
        { path: "", rawPath: "\xff", type: "link", mode: 0, linkPath: "f" },
        { path: "null", type: "character-device", mode: 0o666, device: { major: 1, minor: 3 }, mtimeNs }
      ])
    )
    const tree = readTree(root)
    expect(tree.get("f")).toMatchObject({
      mode: 0o100000,
      uid: 4_294_967_294,
      gid: 7,
      size: 2,
      mtime: mtimeNs,
      same: "f"
    })
    expect(tree.get("\xff")).toMatchObject({ same: "f" })
    expect(tree.get("null")).toMatchObject({ kind: "character-device", rdev: 259, mtime: mtimeNs, mode: 0o20666 })
  })
})

test("GNU tar and bsdtar list a file of more than 8 GiB, and read it to its end", async () => {
  const size = 8 ** 11 + 513
  const piece = Buffer.alloc(2 ** 20)
  const body = function* () {
    for (let left = size; left > 0; left -= piece.length) yield piece.subarray(0, Math.min(left, piece.length))
  }
  const to = join(temporary(), "a.tar")
  // The body is zeros: holes of the file, in place of 8 GiB. What is written is headers, padding and the end.
  let at = 0
  const { open } = await import("node:fs/promises")
  const file = await open(to, "w")
  for await (const chunk of archive([
    { path: "big", type: "file", mode: 0o644, size, body: body() },
    { path: "after", type: "file", mode: 0o644 }
  ])) {
    if (chunk.length < piece.length) await file.write(chunk, 0, chunk.length, at)
    at += chunk.length
  }
  await file.truncate(at)
  await file.close()
  for (const program of ["tar", "bsdtar"]) {
    const listed = execFileSync(program, ["-tvf", to], { encoding: "utf8" })
    expect(listed).toContain(String(size))
    expect(listed).toContain("after")
  }
})
