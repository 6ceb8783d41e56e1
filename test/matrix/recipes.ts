/** The recipes of docs/bundling.md: what is written there is what is run. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"

export interface Recipe {
  /** Files by name: blocks that begin with `// NAME`. */
  readonly files: Readonly<Record<string, string>>
  /** Commands that build. */
  readonly build: string
  /** The bundle's program: the block's last line, `node PATH`. */
  readonly program: string
}

const page = join(import.meta.dirname, "../../docs/bundling.md")

/** The part of the page below a heading. */
const sectionOf = (text: string, heading: string): string => {
  const [, section] = text.split(new RegExp(`^##+ ${heading.replace(/[()]/g, "\\$&")}$`, "m"))
  if (section === undefined) throw new Error(`docs/bundling.md has no heading ${heading}`)
  return section.split(/^##+ /m)[0] ?? ""
}

export const readRecipe = async (heading: string): Promise<Recipe> => {
  const section = sectionOf(await readFile(page, "utf8"), heading)
  const blocks = [...section.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
  const commands = blocks.filter(([, language]) => language === "sh").map(([, , code = ""]) => code)
  const files = blocks.flatMap(([, , code = ""]) => {
    const name = /^\/\/ (\S+)\n/.exec(code)?.[1]
    return name === undefined ? [] : [[name, code] as const]
  })
  const lines = commands.join("").trim().split("\n")
  const program = /^node (\S+)$/.exec(lines.at(-1) ?? "")?.[1]
  if (program === undefined) throw new Error(`docs/bundling.md does not say how the bundle of ${heading} is run`)
  return { files: Object.fromEntries(files), build: lines.slice(0, -1).join("\n"), program }
}
