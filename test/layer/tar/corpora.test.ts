/**
 * Archives that others wrote, extracted: what comes out, the same from both formats. GNU tar is the oracle: each line
 * was compared with what it lists and extracts. Go's own archives are in `untar.test.ts`.
 */
import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { outline, statOf } from "../../support/diskTree.ts"
import { apply, emptyRoot } from "../../support/entries.ts"
import { readArchive } from "../readArchive.ts"

const extract = async (name: string): Promise<string> => {
  const { entries } = await readArchive(readFileSync(new URL(`../archives/${name}.tar`, import.meta.url)))
  const root = emptyRoot()
  apply(
    root,
    entries.map(({ header, body }) => ({ ...header, body }))
  )
  return root
}

/** A long name is shown by its length. */
const short = (text: string) => text.replace(/[^/\s]{60,}/g, ({ length }) => `(${length})`)

/** Contents, and the owner, mode and kind that are recorded of the last one. */
const trees: Record<string, readonly [lines: ReadonlyArray<string>, path: string, stat: string]> = {
  file: [["file.txt = Hello file"], "file.txt", "7913:3579:0100744"],
  // Made where hard links become files of their own.
  file_hardlink: [
    ["file.txt = Hello file_hardlink", "hardlink.txt = Hello file_hardlink"],
    "hardlink.txt",
    "7913:3579:0100744"
  ],
  file_symlink: [["file.txt = Hello file_symlink", "link.txt -> file.txt"], "file.txt", "7913:3579:0100744"],
  file_longsymlink: [["(255)/", "(255)/(255) = Hello file_longsymlink", "link.txt -> (255)/(255)"], "", "0:0:040755"],
  folder_file: [["folder/", "folder/file.txt = Hello folder_file"], "folder", "7913:3579:040744"],
  folder_file_utf8: [["földër/", "földër/áöñ.txt = Hello folder_file_utf8"], "földër/áöñ.txt", "7913:3579:0100744"],
  folder_subfolder_file: [
    ["parent/", "parent/child/", "parent/child/file.txt = Hello folder_subfolder_file"],
    "parent/child",
    "7913:3579:040744"
  ],
  // The link comes before what it leads to.
  foldersymlink_folder_subfolder_file: [
    [
      "childlink -> parent/child",
      "parent/",
      "parent/child/",
      "parent/child/file.txt = Hello foldersymlink_folder_subfolder_file"
    ],
    "parent",
    "7913:3579:040744"
  ],
  longfilename_over100_under255: [["(154) = Hello longfilename_over100_under255"], "", "0:0:040755"],
  longpath_over255: [["(255)/", "(255)/(255) = Hello longpath_over255"], "", "0:0:040755"],
  longpath_splitable_under255: [["(98)/", "(98)/(99) = Hello longpath_splitable_under255"], "", "0:0:040755"],
  specialfiles: [["blockdev = ", "chardev = ", "fifofile = "], "fifofile", "7913:3579:010644"]
}

for (const format of ["gnu", "pax"])
  for (const [name, [lines, path, stat]] of Object.entries(trees))
    test(`${format}: ${name}`, async () => {
      const root = await extract(`${format}/${name}`)
      expect(outline(root).map((line) => short(line).trimEnd())).toEqual(lines.map((line) => line.trimEnd()))
      expect(statOf(root, path)).toBe(stat)
    })

/** `docker save` and `podman save`: links between layers, read-only files, directories that no entry tells of. */
test("an image that docker saved", async () => {
  const layer = "42e000e434c92e9a1ddac6cccd9219b2043d53ddf81e9abbb285dc58edea4f79"
  const lines = outline(await extract("misc/docker-hello-world")).map((line) => line.split(" = ")[0])
  expect(lines).toEqual([
    `${layer}/`,
    `${layer}/VERSION`,
    `${layer}/json`,
    `${layer}/layer.tar`,
    "46331d942d6350436f64e614d75725f6de3bb5c63e266e236e04389820a234c4.json",
    "manifest.json",
    "repositories"
  ])
})

test("an image that podman saved", async () => {
  const layer = "e7fc2b397c1ab5af9938f18cc9a80d526cccd1910e4678390157d8cc6c94410d"
  const blob = "efb53921da3394806160641b72a2cbd34ca1a9a8345ac670a85a04ad3d0e3507.tar"
  const root = await extract("misc/podman-hello-world")
  expect(outline(root).map((line) => line.split(" = ")[0])).toEqual([
    "46331d942d6350436f64e614d75725f6de3bb5c63e266e236e04389820a234c4.json",
    `${layer}/`,
    `${layer}/VERSION`,
    `${layer}/json`,
    `${layer}/layer.tar -> ../${blob}`,
    blob,
    "manifest.json",
    "repositories"
  ])
  expect(statOf(root, blob)).toBe("0:0:0100444")
})
