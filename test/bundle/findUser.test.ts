/** Who a process is, by an image's own accounts: hostile files, and a text that may say anything. */
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { printable, UnknownUser } from "../../src/api/errors.ts"
import { accountsOf, groupsOf, idOf } from "../../src/bundle/accounts.ts"
import { filesNeeded, findUser } from "../../src/bundle/findUser.ts"

const passwd = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1::/:/bin/false

# comment
broken
short:x:5
app:x:1000:1001::/home/app:/bin/sh
app:x:2000:2001:the first line counts::
12:x:77:78:a name of digits::
big:x:4294967296:1::
last:x:4294967294:4294967294::
none:x:4294967295:0::
minus:x:-1:0::
hex:x:0x10:0::
empty:x:::::
caf\u00e9:x:9:9::
`
const group = `root:x:0:
staff:x:50:other,app
appy:x:51:apple,myapp
video:x:44:app
broken:x:minus:app
wheel
video:x:45:app
nobody:x:65534:`

const files = { passwd: Buffer.from(passwd), group: Buffer.from(group) }
const found = (user: string) => findUser(user, files)

describe("a user", () => {
  test.for([
    ["", { uid: 0, gid: 0 }],
    [":", { uid: 0, gid: 0 }],
    ["root", { uid: 0, gid: 0 }],
    ["0", { uid: 0, gid: 0 }],
    ["0:0", { uid: 0, gid: 0 }],
    ["app", { uid: 1000, gid: 1001, additionalGids: [50, 44, 45] }],
    ["app:", { uid: 1000, gid: 1001, additionalGids: [50, 44, 45] }],
    ["app:staff", { uid: 1000, gid: 50 }],
    ["app:7", { uid: 1000, gid: 7 }],
    ["1000", { uid: 1000, gid: 1001 }],
    ["1000:video", { uid: 1000, gid: 44 }],
    ["1000:4294967294", { uid: 1000, gid: 4294967294 }],
    ["31337", { uid: 31337, gid: 0 }],
    ["007:08", { uid: 7, gid: 8 }],
    // A number is an id, though somebody is called so.
    ["12", { uid: 12, gid: 0 }],
    [":staff", { uid: 0, gid: 50 }],
    ["last", { uid: 4294967294, gid: 4294967294 }],
    ["caf\u00e9", { uid: 9, gid: 9 }]
  ] as const)("%j is %j", ([user, expected]) => expect(found(user)).toEqual(expected))

  test.for([
    "nobody",
    "short",
    "broken",
    "big",
    "none",
    "minus",
    "hex",
    "empty",
    "# comment",
    "app:nogroup",
    "app:broken",
    "app:wheel",
    "a:b:c",
    "-1",
    "+1",
    "0x0",
    "1e3",
    " 0",
    "4294967295",
    "99999999999999999999999",
    "0:4294967295",
    "0:-1",
    "app\0",
    "ap\u001bp",
    "caf\u00c3\u00a9"
  ])("%j is told by its name", (user) => {
    expect(() => found(user)).toThrow(UnknownUser)
    try {
      found(user)
    } catch (error) {
      // Without what a terminal obeys.
      expect((error as UnknownUser).user.trim()).toBe(printable(user))
    }
  })

  test("of as many groups as Linux knows has them, and of one more is refused", () => {
    const many = (count: number) => {
      const lines = Array.from({ length: count }, (_, at) => `g${at}:x:${at}:app\n`)
      return findUser("app", { passwd: files.passwd, group: Buffer.from(lines.join("")) })
    }
    expect(many(65_536).additionalGids).toHaveLength(65_536)
    expect(() => many(65_537)).toThrow(UnknownUser)
  })

  test("is found in a line as long as the file, of colons or of members", () => {
    const colons = Buffer.from(`app:x:3:4:${":".repeat(2 ** 22)}`)
    const members = Buffer.from(`all:x:5:${",".repeat(2 ** 22)}app`)
    expect(findUser("app", { passwd: colons, group: members })).toEqual({ uid: 3, gid: 4, additionalGids: [5] })
  })

  test("is root, a number, or told, whatever the files and the text", () => {
    const piece = fc.oneof(
      fc.constantFrom(":", "\n", ",", "0", "1000", "app", "x", "-1", "4294967296", "\0", "\r", "é"),
      fc.string({ unit: "binary", maxLength: 8 })
    )
    const text = fc.array(piece, { maxLength: 40 }).map((it) => it.join(""))
    fc.assert(
      fc.property(text, text, text, (user, passwd, group) => {
        try {
          const {
            uid,
            gid,
            additionalGids = []
          } = findUser(user, { passwd: Buffer.from(passwd), group: Buffer.from(group) })
          for (const id of [uid, gid, ...additionalGids]) {
            expect(Number.isInteger(id)).toBe(true)
            expect(id).toBeGreaterThanOrEqual(0)
            expect(id).toBeLessThanOrEqual(2 ** 32 - 2)
          }
          // Nobody is root who was not called so by a number, or by a line of the file.
          const [name = ""] = user.split(":")
          if (uid === 0 && name !== "" && !/^0+$/.test(name))
            expect(
              passwd.split("\n").some((line) => line.startsWith(`${name}:`) && /^0+$/.test(line.split(":")[2] ?? ""))
            ).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(UnknownUser)
        }
      })
    )
  })

  test("that needs no file needs none: what is not read decides nothing", () => {
    const user = fc.constantFrom("", "0", "7", "app", "root", "x")
    fc.assert(
      fc.property(user, user, fc.boolean(), (name, group, hasColon) => {
        const text = hasColon ? `${name}:${group}` : name
        const needed = filesNeeded(text)
        const read = (all: typeof files) => {
          try {
            return JSON.stringify(findUser(text, all))
          } catch (error) {
            return String(error)
          }
        }
        const nothing = Buffer.alloc(0)
        const some = {
          passwd: needed.includes("passwd") ? files.passwd : nothing,
          group: needed.includes("group") ? files.group : nothing
        }
        expect(read(some)).toBe(read(files))
      })
    )
  })
})

describe("a file of accounts", () => {
  const name = fc.string({ unit: fc.constantFrom("a", "b", "_", "-", "9"), minLength: 1, maxLength: 6 })
  const id = fc.nat({ max: 2 ** 32 - 2 })

  test("gives what was written into it, whatever stands between", () => {
    const junk = fc.constantFrom("", "#", "junk", ":::", "a:b", "a:x:-1:2:", "a:x:1:99999999999:")
    fc.assert(
      fc.property(fc.array(fc.tuple(name, id, id, junk)), fc.boolean(), (accounts, endsWithNewline) => {
        const lines = accounts.flatMap(([name, uid, gid, junk]) => [junk, `${name}:x:${uid}:${gid}:gecos:/:/bin/sh`])
        const bytes = Buffer.from(lines.join("\n") + (endsWithNewline ? "\n" : ""))
        expect([...accountsOf(bytes)]).toEqual(accounts.map(([name, uid, gid]) => ({ name, uid, gid })))
      })
    )
  })

  test("knows the members of its groups, and nobody by a part of a name", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, id, fc.array(name))), name, (groups, user) => {
        const bytes = Buffer.from(groups.map(([name, gid, members]) => `${name}:x:${gid}:${members}\n`).join(""))
        const expected = groups.filter(([, , members]) => members.includes(user)).map(([name, gid]) => [name, gid])
        expect([...groupsOf(bytes)].filter(({ has }) => has(user)).map(({ name, gid }) => [name, gid])).toEqual(
          expected
        )
      })
    )
  })

  test("has ids of digits only, up to 4294967294", () => {
    expect(["0", "00", "4294967294"].map(idOf)).toEqual([0, 0, 4294967294])
    for (const text of [undefined, "", " 1", "1 ", "-1", "+1", "1.0", "4294967295", "1".repeat(30), "\u0661"])
      expect(idOf(text)).toBeUndefined()
  })
})
