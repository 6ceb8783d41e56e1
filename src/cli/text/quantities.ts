/** Ages and sizes as people write them. */

const ages: Readonly<Record<string, number>> = { s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3, w: 7 * 86_400e3 }

/** `90s`, `30m`, `12h`, `7d`, `2w` → milliseconds; `undefined` for anything else. */
export const parseAge = (text: string): number | undefined => {
  const [, count, unit = ""] = /^(\d+(?:\.\d+)?)([smhdw])$/.exec(text) ?? []
  const millis = ages[unit]
  return count === undefined || millis === undefined ? undefined : Math.round(Number(count) * millis)
}

const powers = ["", "k", "m", "g", "t"]

/** `500MB` (powers of 1000), `20GiB` or `20G` (of 1024), `4096` → bytes; `undefined` for anything else. */
export const parseBytes = (text: string): number | undefined => {
  const [, count, prefix = "", unit = ""] = /^(\d+(?:\.\d+)?)([kmgt]?)(b|ib)?$/.exec(text.toLowerCase()) ?? []
  if (count === undefined || (prefix === "" && unit === "ib")) return undefined
  return Math.floor(Number(count) * (prefix !== "" && unit === "b" ? 1000 : 1024) ** powers.indexOf(prefix))
}
