/**
 * What was shown to a registry, to its server of tokens or to a proxy, so that one that echoes it does not bring it into an
 * error, an event or a log. For the whole process: texts are made in many places, and no text of a stranger needs a secret.
 */
import { formsOf } from "./secretForms.ts"

/** Secrets that are kept; the one that was sent least lately goes first. */
const capacity = 128

/** Characters. A shorter secret may be part of an ordinary word: it is looked for as a word of its own. */
const ordinary = 6

/** Characters. So may a longer one that has nothing but letters: "mirror" is part of "mirrors". */
const ordinaryLetters = 12

/** Characters. A shorter one is a letter, a number or a syllable of any text, and known as soon as it is struck. */
const shortest = 4

/** Characters of a longer secret that are struck where only its beginning is there: many a server cuts what it repeats. */
const beginning = 12

interface Form {
  readonly text: string
  /** What is looked for first. */
  readonly head: string
}

/** The forms are made when a text is looked at for the first time. */
const known = new Map<string, ReadonlyArray<Form> | undefined>()

const formOf = (text: string): Form => ({ text, head: text.toLowerCase().slice(0, beginning) })

const isOrdinary = (secret: string) =>
  secret.length < ordinary || (secret.length < ordinaryLetters && /^\p{L}+$/u.test(secret))

const isWordCharacter = (text: string | undefined) => text !== undefined && /[\p{L}\p{N}]/u.test(text)

/** Characters from `at` on that are those of the form, or of its beginning. */
const common = (text: string, at: number, form: string): number => {
  let length = 0
  while (length < form.length && text[at + length] === form[length]) length++
  return length
}

/** Strikes a form where `enough` characters of it stand; a short one where it stands alone. */
const struck = (text: string, form: string, enough: number): string => {
  const folded = text.toLowerCase()
  // A few letters of the world are longer in lower case: then cases are told apart.
  const [where, what] = folded.length === text.length ? [folded, form.toLowerCase()] : [text, form]
  const head = what.slice(0, enough)
  const alone = isOrdinary(form)
  let [left, from] = ["", 0]
  for (let at = where.indexOf(head); at >= 0; at = where.indexOf(head, at)) {
    const end = at + common(where, at, what)
    if (alone && (isWordCharacter(text[at - 1]) || isWordCharacter(text[end]))) at++
    else {
      left += `${text.slice(from, at)}***`
      from = at = end
    }
  }
  return left + text.slice(from)
}

/** From now on this is struck from what others say. */
export const rememberSecret = (secret: string): void => {
  if (secret.length < shortest) return
  const forms = known.get(secret)
  known.delete(secret)
  known.set(secret, forms)
  const [oldest] = known.keys()
  if (known.size > capacity && oldest !== undefined) known.delete(oldest)
}

/** Nothing is struck any more: for tests, which share a process and its secrets. */
export const forgetSecrets = (): void => known.clear()

/** The same for the value of `Authorization` or `Proxy-Authorization`: a token, or what `Basic` encodes. */
const rememberAuthorization = (value: string): void => {
  const [, scheme = "", credentials = ""] = /^\s*(\S+)\s+(\S+)\s*$/.exec(value) ?? []
  rememberSecret(credentials === "" ? value : credentials)
  if (scheme.toLowerCase() !== "basic") return
  const pair = Buffer.from(credentials, "base64").toString()
  rememberSecret(pair.slice(pair.indexOf(":") + 1))
}

/**
 * The same for the headers of a request. `own` names those that the options give a host: their values are taken for secrets,
 * unless they are too short for that.
 */
export const rememberHeaders = (headers: Readonly<Record<string, string>>, own: ReadonlyArray<string> = []): void => {
  for (const [name, value] of Object.entries(headers)) {
    if (/^(?:proxy-)?authorization$/i.test(name)) rememberAuthorization(value)
    else if (own.includes(name) && value.length >= ordinary) rememberSecret(value)
  }
}

/** Every form of every known secret becomes `***`. */
export const redactSecrets = (text: string): string => {
  let left = text
  const folded = text.toLowerCase()
  for (const [secret, forms = formsOf(secret).map(formOf)] of known) {
    known.set(secret, forms)
    // Most texts hold none.
    const found = forms.filter((form) => folded.includes(form.head) || text.includes(form.text))
    for (const form of found) left = struck(left, form.text, form.text.length)
    for (const form of found) if (form.text.length > beginning) left = struck(left, form.text, beginning)
  }
  return left
}
