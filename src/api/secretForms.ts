/** How a secret may come back: as it was sent, or in one of the encodings that servers repeat a request in. */

/** A shorter piece of base64 would be found where nothing of the secret is. */
const telling = 8

/** The characters that stand for `bytes` wherever they begin in a text that was encoded whole. */
const withinBase64 = (bytes: Uint8Array): ReadonlyArray<string> =>
  [0, 1, 2].map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64")
    return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
  })

const asHtml = (text: string) =>
  text.replace(/[&<>"']/g, (it) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[it] ?? "&#39;")

/** The forms of a text in the JSON of other languages: only ASCII, with the slash escaped or not. */
const asJson = (text: string): ReadonlyArray<string> => {
  const plain = JSON.stringify(text).slice(1, -1)
  const ascii = plain.replace(/[^ -~]/g, (it) => `\\u${it.charCodeAt(0).toString(16).padStart(4, "0")}`)
  return [plain, ascii, ascii.replaceAll("/", "\\/")]
}

/** The longest first: what begins with a shorter one is struck whole. */
export const formsOf = (secret: string): ReadonlyArray<string> => {
  const bytes = Buffer.from(secret)
  const whole = bytes.toString("base64").replace(/=+$/, "")
  const base64 = [whole, ...withinBase64(bytes)].filter((it) => it.length >= telling)
  const forms = new Set([
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
  return [...forms].sort((a, b) => b.length - a.length)
}
