import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { describe, expect, test } from "vitest"

const repository = join(import.meta.dirname, "../..")
const read = (path: string) => readFileSync(join(repository, path), "utf8")

const docs = readdirSync(join(repository, "docs"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".md"))
  .map((name) => `docs/${name}`)
const pages = ["README.md", "CHANGELOG.md", "bench/README.md", ...docs]

/** Code blocks hold no links, and paths of other trees. */
const prose = (page: string) => read(page).replace(/^```.*?^```/gms, "")
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found = ""]) => found)

/** As GitHub makes them. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-")
const anchorsOf = (page: string) => matches(prose(page), /^#+ (.+)$/gm).map(anchorOf)

const linksOf = (page: string) => matches(prose(page), /\]\(([^)\s]+)\)/g).filter((link) => !/^https?:/.test(link))

/** `src/…`, `test/…`, `docs/…`, `bench/…` in backticks; a pattern or a placeholder is not a path. */
const pathsOf = (page: string) =>
  matches(prose(page), /`((?:src|test|docs|bench|\.build)\/[^`\s]*)`/g).filter((path) => !/[*…<>]/.test(path))

test("a page's links and paths are found", () => {
  expect(linksOf("README.md")).toContain("docs/durability.md#an-image-in-use")
  expect(pathsOf("docs/pull.md")).toContain("src/pull/pull.ts")
  expect(anchorOf("Options of `entries$`")).toBe("options-of-entries")
})

describe.for(pages)("%s", (page) => {
  test("its links lead to a page and a heading that exist", () => {
    const broken = linksOf(page).filter((link) => {
      const [path = "", anchor] = link.split("#")
      const target = path === "" ? page : join(dirname(page), path)
      if (!existsSync(join(repository, target))) return true
      return anchor !== undefined && !anchorsOf(target).includes(anchor)
    })
    expect(broken).toEqual([])
  })

  test("the files that it names exist", () => {
    expect(pathsOf(page).filter((path) => !existsSync(join(repository, path)))).toEqual([])
  })

  test("the scripts that it names exist", () => {
    const { scripts } = JSON.parse(read("package.json"))
    const named = matches(read(page), /\bnpm run ([\w:]+)/g)
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([])
  })
})

test("the README links to every page of docs/", () => {
  const links = linksOf("README.md").map((link) => link.split("#")[0])
  const isLinked = (page: string) => links.includes(page) || links.includes(dirname(page))
  expect(docs.filter((page) => !isLinked(page))).toEqual([])
})

test("the pages that comments name exist", () => {
  const sources = ["src", "test", "bench"].flatMap((folder) =>
    readdirSync(join(repository, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => `${folder}/${name}`)
  )
  // containerd has a `docs` of its own.
  const named = sources.flatMap((file) => matches(read(file), /(?<![\w/]|containerd, )(docs\/[\w/-]+\.md)\b/g))
  expect(named).toContain("docs/decisions/0006-locks.md")
  expect(named.filter((page) => !existsSync(join(repository, page)))).toEqual([])
})
