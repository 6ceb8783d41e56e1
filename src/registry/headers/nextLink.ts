/** Where a list goes on: the `Link` header (RFC 8288), read token by token, since targets and quoted values hold commas. */
import type { Response } from "../connection/exchange.ts"
import { Scanner } from "./Scanner.ts"

interface Link {
  readonly target: string
  /** In lower case; `undefined` where none is told. */
  readonly relations: ReadonlyArray<string> | undefined
}

const between = /[\s,]*/y
const target = /<([^<>]*)>/y
const space = /[ \t]*/y
const name = /[^\s=;,"]*/y
const quoted = /"((?:[^"\\]|\\[^\n])*)"/y
const bare = /[^\s;,"]*/y

/** `null` where the header cannot be read to its end. */
const linksOf = (text: string): ReadonlyArray<Link> | null => {
  const links: Array<Link> = []
  const scanner = new Scanner(text)
  const takes = (character: string) => {
    scanner.take(space)
    if (scanner.next !== character) return false
    scanner.position++
    scanner.take(space)
    return true
  }
  for (scanner.take(between); !scanner.isAtEnd; scanner.take(between)) {
    const address = scanner.take(target)?.[1]
    if (address === undefined) return null
    let relations: Link["relations"]
    while (takes(";")) {
      const parameter = scanner.take(name)?.[0].toLowerCase()
      const value = takes("=") ? (scanner.take(quoted)?.[1] ?? scanner.take(bare)?.[0]) : undefined
      if (parameter === "rel" && value !== undefined) relations ??= value.toLowerCase().split(/\s+/)
    }
    if (!scanner.isAtEnd && scanner.next !== ",") return null
    links.push({ target: address, relations })
  }
  return links
}

/**
 * The target of the next page: `undefined` if there is no next page, `null` if the header cannot be understood. A link without
 * a relation counts as the next page: some registries leave it out, and most clients do not check it.
 */
export const nextLink = (headers: Response["headers"]): string | null | undefined => {
  const { link = [] } = headers
  const links = linksOf(typeof link === "string" ? link : link.join(", "))
  if (links === null) return null
  const next = links.find(({ relations }) => relations?.includes("next"))
  return (next ?? links.find(({ relations }) => relations === undefined))?.target
}
