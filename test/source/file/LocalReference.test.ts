import { resolve } from "node:path"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { formatLocal, nameOf, parseLocal } from "../../../src/source/file/LocalReference.ts"

const read = (text: string) => Effect.runSync(parseLocal(text))
const digest = `sha256:${"a".repeat(64)}`

describe("a reference to a file", () => {
  test.for([
    ["oci:layout", { transport: "oci", path: resolve("layout") }],
    ["oci:/srv/layout:1.2", { transport: "oci", path: "/srv/layout", image: "1.2" }],
    ["oci-archive:a.tar:app:1", { transport: "oci", path: resolve("a.tar"), image: "app:1" }],
    ["docker-archive:a.tar", { transport: "docker-archive", path: resolve("a.tar") }],
    [
      "docker-archive:a.tar:ghcr.io/org/app:1",
      { transport: "docker-archive", path: resolve("a.tar"), image: "ghcr.io/org/app:1" }
    ],
    [`oci:/l:@${digest}`, { transport: "oci", path: "/l", digest }],
    ["oci:-", { transport: "oci", path: "-" }],
    ["-", { transport: "docker-archive", path: "-" }]
  ] as const)("%s says where it is, and which image is meant", ([text, expected]) => {
    expect(read(text)).toEqual(expected)
  })

  test.for([
    "alpine",
    "alpine:3.20",
    "ghcr.io/org/oci:1",
    "localhost:5000/oci",
    "ocid:5",
    "toString:x",
    "docker-daemon:a"
  ])("%s is none", (text) => expect(read(text)).toBeUndefined())

  test.for([
    "oci:",
    "oci::1",
    "oci:l:\u001b[31m",
    "oci:l:-x",
    "oci:l:@sha256:abc",
    "oci:a\0b",
    `oci:${"a".repeat(5000)}`
  ])("%j is refused", (text) => expect(() => read(text)).toThrow())

  test.for([
    ["oci://ghcr.io/charts/app:1", "ghcr.io/charts/app:1"],
    ["oci://localhost:5000/app", "localhost:5000/app"],
    ["oci://registry:5000/app", "registry:5000/app"],
    [`oci:/l@${digest}`, `oci:/l:@${digest}`],
    [`docker-archive:a.tar@${digest}`, `docker-archive:a.tar:@${digest}`]
  ] as const)("%s is answered with %s", ([text, suggestion]) => {
    const error = Effect.runSync(Effect.flip(parseLocal(text)))
    expect(error).toMatchObject({ _tag: "InvalidReference", suggestion, advice: `Write ${suggestion} instead.` })
  })

  test.for(["oci:///srv/layout", "oci://srv/layout", "oci://./layout", "docker-archive:///srv/a.tar"])(
    "%s is a path",
    (text) => expect(read(text)?.path).toBe(resolve(text.slice(text.indexOf(":") + 1)))
  )

  test("in its canonical form means the same from any directory, and reads as itself", () => {
    const path = fc.stringMatching(/^[a-z./-]{1,20}$/).filter((path) => !path.startsWith("//"))
    const image = fc.option(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._/:@+-]{0,20}$/), { nil: undefined })
    fc.assert(
      fc.property(fc.constantFrom("oci", "docker-archive"), path, image, (transport, path, image) => {
        const local = read(`${transport}:${path}${image === undefined ? "" : `:${image}`}`)
        if (local === undefined) throw new Error("it is one")
        expect(read(formatLocal(local))).toEqual(local)
        expect(local.path === "-" || local.path.startsWith(resolve("/"))).toBe(true)
      })
    )
  })

  test("is a name of the catalogue, as a registry's is", () => {
    expect(Effect.runSync(nameOf("oci:/a/../b:1"))).toBe("oci:/b:1")
    expect(Effect.runSync(nameOf("alpine"))).toMatch(/\/library\/alpine:latest$/)
  })
})
