import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { printable } from "../../src/api/printable.ts"
import { redactSecrets, rememberHeaders, rememberSecret } from "../../src/api/secrets.ts"

const base64 = (text: string) => Buffer.from(text).toString("base64")

describe("a secret that was sent", () => {
  const secret = 'p+s/"w ö=&1'
  const encodings: Readonly<Record<string, (text: string) => string>> = {
    "as it is": (text) => text,
    "in another case": (text) => text.toUpperCase(),
    "in a query": (text) => new URLSearchParams({ q: text }).toString(),
    "in a path": encodeURIComponent,
    "in a path, by lower case": (text) => encodeURIComponent(text).toLowerCase(),
    "in JSON": (text) => JSON.stringify({ text }),
    "in JSON of ASCII only": (text) =>
      JSON.stringify(text).replace(/[^ -~]/g, (it) => `\\u${it.charCodeAt(0).toString(16).padStart(4, "0")}`),
    "in HTML": (text) => text.replace(/&/g, "&amp;").replace(/"/g, "&quot;"),
    "in hexadecimal": (text) => Buffer.from(text).toString("hex"),
    "in base64": base64,
    "in base64 for addresses": (text) => Buffer.from(text).toString("base64url"),
    "in base64 with a user's name": (text) => base64(`somebody:${text}`),
    "in base64 amid other things": (text) => base64(`{"a":"${text}","b":1}`),
    "in base64 in a path": (text) => encodeURIComponent(base64(`me:${text}`))
  }

  test.for(Object.entries(encodings))("is struck %s", ([, encode]) => {
    rememberSecret(secret)
    const said = `you sent ${encode(secret)}, which is wrong`
    expect(redactSecrets(said)).toContain("***")
    for (const other of Object.values(encodings))
      if (other(secret).length > 8) expect(redactSecrets(said)).not.toContain(other(secret))
  })

  test("is struck before a text is cut, so that no part of it is left", () => {
    rememberSecret("tokentokentokentoken")
    expect(printable(`${"x".repeat(290)}tokentokentokentoken`, 300)).not.toContain("token")
  })

  test("is struck where only its beginning is left: many a server cuts what it repeats", () => {
    rememberSecret("eyJhbGciOiJIUzI1NiJ9.payload.signature")
    expect(redactSecrets("Bearer eyJhbGciOiJIUzI1NiJ9.pay…")).toBe("Bearer ***…")
    expect(redactSecrets(`Basic ${base64("eyJhbGciOiJIUzI1NiJ9.pay")}`)).not.toContain(base64("eyJhbGciOiJIUzI1NiJ9"))
    expect(redactSecrets("eyJhbGci is how they begin")).toBe("eyJhbGci is how they begin")
  })

  test("is struck as a whole word where it is short enough to be part of others", () => {
    rememberSecret("pass")
    expect(redactSecrets("the pass of a passenger: pass.")).toBe("the *** of a passenger: ***.")
    rememberSecret("mirror")
    expect(redactSecrets("option mirrors: Mirror is none")).toBe("option mirrors: *** is none")
    rememberSecret("mirror7")
    expect(redactSecrets("option mirror7s")).toBe("option ***s")
  })

  test("is not looked for where it is so short that it is part of any text", () => {
    rememberHeaders({ authorization: `Basic ${base64("me:a1z")}` })
    expect(redactSecrets(`a1z ${base64("me:a1z")}`)).toBe("a1z ***")
  })

  test("is what Basic encodes, a token, or a header that the options give a host", () => {
    rememberHeaders({
      Authorization: `Basic ${base64("me:with:colons7")}`,
      "proxy-authorization": "Bearer token-of-proxy"
    })
    rememberHeaders({ "x-key": "key-of-host", "x-n": "1", accept: "application/json" }, ["x-key", "x-n"])
    expect(
      redactSecrets(`with:colons7 ${base64("me:with:colons7")} token-of-proxy key-of-host 1 application/json me Basic`)
    ).toBe("*** *** *** *** 1 application/json me Basic")
  })

  test("is struck whatever it is, and nothing where there is none of it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 6, maxLength: 40 }), fc.string(), (token, around) => {
        fc.pre(!around.toLowerCase().includes(token.toLowerCase()) && token.trim() === token)
        rememberSecret(token)
        expect(redactSecrets(`[${token}]`)).not.toContain(token)
        expect(redactSecrets("<>")).toBe("<>")
      })
    )
  })

  test("is forgotten after 128 others: what is kept is bounded", () => {
    rememberSecret("the first of them")
    for (let n = 0; n < 127; n++) rememberSecret(`another-${n}-secret`)
    expect(redactSecrets("the first of them")).toBe("***")
    rememberSecret("one more secret")
    expect(redactSecrets("the first of them")).toBe("the first of them")
  })
})
