/** A key that an object of a JSON text has twice. Readers differ in which one counts. */

const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g

/** `text` is JSON; `undefined` where there is no such key. */
export const repeatedKey = (text: string): string | undefined => {
  /** Keys of the objects that are open; a list has none. */
  const open: Array<Set<string> | undefined> = []
  let last = '""'
  for (const [token] of text.matchAll(tokens)) {
    if (token === "{") open.push(new Set())
    else if (token === "[") open.push(undefined)
    else if (token === "}" || token === "]") open.pop()
    else if (token !== ":") last = token
    else {
      const key: string = JSON.parse(last)
      const keys = open.at(-1)
      if (keys?.has(key)) return key
      keys?.add(key)
    }
  }
  return undefined
}
