/**
 * What was shown to a registry, to its server of tokens or to a proxy, so that one that echoes it does not bring it into an
 * error, an event or a log. For the whole process: texts are made in many places, and no text of a stranger needs a secret.
 */

/** Secrets that are kept; the one that was used least lately goes first. */
const capacity = 256

/** A shorter secret may be part of an ordinary word: it is looked for as a word of its own. */
const ordinary = 6

/** A shorter piece of base64 would be found where nothing of the secret is. */
const telling = 8

/** The forms are made when a text is looked at for the first time. */
const known = new Map<string, ReadonlyArray<string> | undefined>()

/** The characters that stand for `bytes` wherever they begin in a text that was encoded whole. */
const withinBase64 = (bytes: Uint8Array): ReadonlyArray<string> =>
  [0, 1, 2].map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64")
    return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
  })

const asHtml = (text: string) =>
  text.replace(/[&<>"']/g, (it) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[it] ?? "&#39;")

/** As JSON of other languages has it: only ASCII, the slash escaped or not. */
const asJson = (text: string): ReadonlyArray<string> => {
  const plain = JSON.stringify(text).slice(1, -1)
  const ascii = plain.replace(/[^ -~]/g, (it) => `\\u${it.charCodeAt(0).toString(16).padStart(4, "0")}`)
  return [plain, ascii, ascii.replaceAll("/", "\\/")]
}

const formsOf = (secret: string): ReadonlySet<string> => {
  const bytes = Buffer.from(secret)
  const whole = bytes.toString("base64").replace(/=+$/, "")
  const base64 = [whole, ...withinBase64(bytes)].filter((it) => it.length >= telling)
  return new Set([
    secret,
    encodeURIComponent(bytes.toString()),
    new URLSearchParams({ "": secret }).toString().slice(1),
    ...asJson(secret),
    asHtml(secret),
    ...base64,
    ...base64.map((it) => it.replaceAll("+", "-").replaceAll("/", "_")),
    ...base64.map(encodeURIComponent),
    ...(bytes.length >= telling ? [bytes.toString("hex")] : [])
  ])
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")

/** The longest first: what begins with a shorter one is struck whole. */
const sorted = (forms: ReadonlySet<string>) => [...forms].sort((a, b) => b.length - a.length)

/** Most texts hold none of them, and an expression out of a long token is slow to make. */
const holds = (text: string, form: string): boolean =>
  form.length <= text.length && (text.includes(form) || text.toLowerCase().includes(form.toLowerCase()))

const pattern = (form: string): RegExp => {
  const [before, after] = form.length < ordinary ? ["(?<![\\p{L}\\p{N}])", "(?![\\p{L}\\p{N}])"] : ["", ""]
  return new RegExp(`${before}${escaped(form)}${after}`, "giu")
}

/** From now on this is struck from what others say. */
export const remember = (secret: string): void => {
  if (secret === "") return
  const forms = known.get(secret)
  known.delete(secret)
  known.set(secret, forms)
  const [oldest] = known.keys()
  if (known.size > capacity && oldest !== undefined) known.delete(oldest)
}

/** The same for the value of `Authorization` or `Proxy-Authorization`: a token, or what `Basic` encodes. */
export const rememberAuthorization = (value: string): void => {
  const [, scheme = "", credentials = ""] = /^\s*(\S+)\s+(\S+)\s*$/.exec(value) ?? []
  remember(credentials === "" ? value : credentials)
  if (scheme.toLowerCase() !== "basic") return
  const pair = Buffer.from(credentials, "base64").toString()
  remember(pair.slice(pair.indexOf(":") + 1))
}

/** Every form of every known secret becomes `***`. */
export const strike = (text: string): string => {
  let left = text
  for (const [secret, forms = sorted(formsOf(secret))] of known) {
    known.set(secret, forms)
    for (const form of forms) if (holds(left, form)) left = left.replace(pattern(form), "***")
  }
  return left
}
