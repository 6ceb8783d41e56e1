/** The layout overlay under a real overlayfs: what the kernel shows is what the layers say. */
import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, onTestFinished, test } from "vitest"
import type { OverlayAttributes } from "../../../src/api/config.ts"
import type { Warning } from "../../../src/api/events.ts"
import { lowerdir } from "../../../src/layer/layout/lowerdir.ts"
import { attribute, outline } from "../../support/diskTree.ts"
import { apply, dir, file, type TestEntry, temporary } from "../../support/entries.ts"
import { lowerLayer, whiteoutCases } from "../../support/layerMerges.ts"
import { withNative } from "../../support/withNative.ts"

const mountable = process.platform === "linux" && process.getuid?.() === 0

interface Form {
  readonly attributes: OverlayAttributes
  /** How a whiteout comes to be: by mknod(2), by the program mknod, or, where devices are refused, by an attribute. */
  readonly whiteouts: "call" | "program" | "attribute"
}

/** Extracts the layers, lowest first, into directories called `names`, mounts them, and gives the mount point. */
const mounted = (
  layers: ReadonlyArray<ReadonlyArray<TestEntry>>,
  form: Form,
  names = (index: number) => `sha256:${index}`
) => {
  const store = temporary()
  const paths = layers.map((_, index) => join(store, names(index)))
  const warnings: Array<Warning> = []
  layers.forEach((entries, index) => {
    const path = paths[index] ?? ""
    mkdirSync(path)
    const extract = () =>
      warnings.push(...apply(path, entries, { layout: "overlay", overlayAttributes: form.attributes }))
    if (form.whiteouts === "call") extract()
    else withNative({ makeNode: form.whiteouts === "program" ? undefined : () => "EPERM" }, extract)
  })
  const point = join(store, "mounted")
  mkdirSync(point)
  const extra = form.attributes === "user" ? ",userxattr" : ""
  execFileSync("mount", ["-t", "overlay", "overlay", "-o", `lowerdir=${lowerdir(paths)}${extra}`, point])
  onTestFinished(() => {
    execFileSync("umount", [point])
  })
  return { point, paths, warnings }
}

const forms: ReadonlyArray<Form> = (["trusted", "user"] as const).flatMap((attributes) =>
  (["call", "program", "attribute"] as const).map((whiteouts) => ({ attributes, whiteouts }))
)

describe.runIf(mountable).each(forms)("$attributes.overlay, whiteouts by $whiteouts", (form) => {
  test.each(Object.entries(whiteoutCases))("%s", (_, [upper, expected]) => {
    expect(outline(mounted([lowerLayer, upper], form).point)).toEqual(expected)
  })

  test("a directory in the place of a whiteout hides what was there", () => {
    const { point } = mounted([lowerLayer, [file(".wh.d"), dir("d"), file("d/new", "5")]], form)
    expect(outline(join(point, "d"))).toEqual(["new = 5"])
  })

  test("a directory that is only implied, in the place of a whiteout, does too", () => {
    const { point } = mounted([lowerLayer, [file(".wh.d"), file("d/s/new", "5")]], form)
    expect(outline(join(point, "d"))).toEqual(["s/", "s/new = 5"])
  })

  test("a whiteout leaves no trace in an opaque directory", () => {
    const { point, paths } = mounted(
      [lowerLayer, [file("d/.wh.old"), file("d/s/.wh.old"), file("d/.wh..wh..opq"), file("d/t/.wh.old")]],
      form
    )
    expect(outline(join(point, "d"))).toEqual([])
    expect(readdirSync(join(paths[1] ?? "", "d"))).toEqual([])
  })

  test("an opaque root, which overlayfs takes no notice of, is told", () => {
    const { warnings } = mounted([lowerLayer, [file(".wh..wh..opq"), file("n", "5")]], form)
    expect(warnings.map(({ code }) => code)).toEqual(["OpaqueRoot"])
  })

  test("three layers: what the second hid stays hidden, what the third brings is there", () => {
    const { point } = mounted([lowerLayer, [file(".wh.d"), file(".wh.f")], [file("d/third", "6")]], form)
    expect(outline(point)).toEqual(["d/", "d/third = 6", "l -> d"])
  })
})

/** By an attribute, the kernel looks for whiteouts only where a directory of another layer is beneath. */
const unseen = forms.filter(({ whiteouts }) => whiteouts !== "attribute")

describe.runIf(mountable).each(unseen)("$attributes.overlay, whiteouts by $whiteouts, of what is not there", (form) => {
  const ghostly: Record<string, readonly [ReadonlyArray<TestEntry>, ReadonlyArray<string>]> = {
    "that no lower layer has": [
      [file("x/y/.wh.z"), file("x/y/kept", "5")],
      ["x/", "x/y/", "x/y/kept = 5"]
    ],
    "that is only implied, and holds nothing else": [
      [file("x/y/.wh.z"), file("x/.wh.w")],
      ["x/", "x/y/"]
    ],
    "that lower layers have at another place": [
      [dir("e/d"), file("e/d/.wh.old")],
      ["e/", "e/d/"]
    ],
    "that takes the place of a file of theirs": [
      [file("f/.wh.x"), file("f/g/.wh.y")],
      ["f/", "f/g/"]
    ],
    "beneath a directory that a layer in between removed": [
      [dir("gone/again"), file("gone/again/.wh.a"), file("gone/.wh.b")],
      ["gone/", "gone/again/"]
    ]
  }

  test.each(Object.entries(ghostly))("a whiteout in a directory %s is never seen", (_, [upper, expected]) => {
    const between = [dir("gone"), file(".wh.gone")]
    const { point } = mounted([[...lowerLayer, dir("gone/again"), file("gone/again/a")], between, upper], form)
    const beneath = outline(point).filter((line) => expected.some((it) => line.startsWith(it.split("/")[0] ?? "")))
    expect(beneath).toEqual(expected)
  })

  test("the whiteouts of the lowest layer, which hide nothing, are not seen", () => {
    const { point } = mounted([[file("a/b/.wh.c"), file(".wh.d"), file("a/e", "1")], lowerLayer], form)
    expect(outline(join(point, "a"))).toEqual(["b/", "e = 1"])
    expect(readdirSync(point).sort()).toEqual(["a", "d", "f", "l"])
  })
})

describe.runIf(mountable)("lowerdir", () => {
  test.each(["a:b", "a\\b", "a\\:b", ":", "\\"])("a layer's directory may be called %j", (name) => {
    const { point } = mounted(
      [lowerLayer, [file(".wh.d")]],
      { attributes: "trusted", whiteouts: "call" },
      (index) => `${name}${index}`
    )
    expect(outline(point)).toEqual(["f = 4", "l -> d"])
  })
})

test.runIf(mountable)("an image's own claims to be overlayfs' attributes are not written", () => {
  const xattrs = new Map([
    ["trusted.overlay.opaque", Buffer.from("y")],
    ["trusted.overlay.redirect", Buffer.from("/etc")],
    ["user.overlay.opaque", Buffer.from("y")]
  ])
  const path = temporary()
  apply(path, [dir("d", { xattrs })], { layout: "overlay", ownership: "chown" })
  for (const name of xattrs.keys()) expect(attribute(join(path, "d"), name)).toBeUndefined()
})

describe.runIf(mountable)("without privilege", () => {
  test("an ordinary user extracts the layers, and mounts them in a namespace of its own", () => {
    const store = temporary()
    chmodSync(store, 0o777)
    const ids = { uid: 65534, gid: 65534 }
    const paths = ["1", "2"].map((name) => join(store, name))
    const layers = [lowerLayer, [file(".wh.f"), file("d/.wh..wh..opq"), file("d/new", "5")]]
    process.setegid?.(ids.gid)
    process.seteuid?.(ids.uid)
    try {
      paths.forEach((path, index) => {
        mkdirSync(path)
        apply(path, layers[index] ?? [], { layout: "overlay" })
      })
    } finally {
      process.seteuid?.(0)
      process.setegid?.(0)
    }
    const mount = `mount -t overlay overlay -o 'lowerdir=${lowerdir(paths)},userxattr' ${store} && find ${store} -mindepth 1 | sort`
    const said = execFileSync("unshare", ["--user", "--map-root-user", "--mount", "sh", "-c", mount], {
      ...ids,
      encoding: "utf8"
    })
    expect(
      said
        .trim()
        .split("\n")
        .map((line) => line.slice(store.length + 1))
    ).toEqual(["d", "d/new", "l"])
  })
})
