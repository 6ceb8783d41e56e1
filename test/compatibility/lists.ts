/** Lists as registries and what stands before them give them. */
import { mediaTypes } from "../../src/testing/index.ts"
import type { Row } from "./Row.ts"

/** A page of tags: `Link` headers and a body. `HOST` is the registry's own, with its port. */
export interface TagsCase extends Row {
  readonly links?: ReadonlyArray<string>
  readonly tags: ReadonlyArray<unknown> | null
  /** All tags, where the next page has `z`; or the reason. */
  readonly gives: ReadonlyArray<string> | "InvalidResponse"
}

const law = ["compatibility/lists.test.ts", "gives what the table says"] as const
const rfc = "RFC 8288"
const clients = "go-containerregistry and containers/image take the first link, whatever its relation"

const followed = (input: string, links: ReadonlyArray<string>, row: Partial<TagsCase> = {}): TagsCase => ({
  input,
  behaviour: "its query is used, at the list's own address",
  oracle: rfc,
  links,
  tags: ["a"],
  gives: ["a", "z"],
  law,
  ...row
})

const refused = (input: string, links: ReadonlyArray<string>): TagsCase => ({
  input,
  behaviour: "an error, not a short list: the list may continue",
  oracle: rfc,
  links,
  tags: ["a"],
  gives: "InvalidResponse",
  law
})

export const tags: ReadonlyArray<TagsCase> = [
  ...Object.entries({
    "a digest": `sha256:${"0".repeat(64)}`,
    "an empty text": "",
    "`-x`": "-x",
    "a text of 129 letters": "a".repeat(129),
    "a terminal's escape": "\u001b[31m",
    "`null`": null,
    "a number": 1
  }).map(
    ([what, tag]): TagsCase => ({
      input: `among the tags, ${what}`,
      behaviour: "skipped",
      oracle: "distribution-spec: what is not a tag can be asked for by nobody",
      tags: ["a", tag, "z"],
      gives: ["a", "z"],
      law
    })
  ),
  { input: "`tags: null`", behaviour: "no tags", oracle: "distribution 2.8", tags: null, gives: [], law },
  followed("`Link` to the same host over plain HTTP, behind a proxy that terminates TLS", [
    '<https://HOST/v2/org/app/tags/list?last=a>; rel="next"'
  ]),
  followed("`Link` to an inner name of the registry", [
    '<http://registry.internal:5000/v2/org/app/tags/list?last=a>; rel="next"'
  ]),
  followed("`Link` to another port of the host", ['<http://127.0.0.1:9/v2/org/app/tags/list?last=a>; rel="next"']),
  followed("`Link` of another scheme", ["<ftp://HOST/v2/org/app/tags/list?last=a>; rel=next"]),
  followed("`Link` without a host", ["</v2/org/app/tags/list?last=a>; rel=next"]),
  followed("`Link` with only a query", ['<?last=a>; rel="next"']),
  followed("two `Link` headers, the second for the next page", [
    '<https://example.com/terms>; rel="license"',
    '</v2/org/app/tags/list?last=a>; rel="next"'
  ]),
  followed("one `Link` header of two links, a comma in the first", [
    '<https://example.com/a,b>; rel="license"; title="x, <y>; rel=next", </v2/org/app/tags/list?last=a>; rel="next"'
  ]),
  followed("a relation of several words, in capitals", [
    '</v2/org/app/tags/list?last=a>; title=x; REL="prefetch NEXT"'
  ]),
  followed("`Link` without a relation", ["</v2/org/app/tags/list?last=a>"], { oracle: clients }),
  followed("bytes beyond ASCII in `Link`", ['</v2/org/app/tags/list?last=a&x=\u00c3\u00a9>; rel="next"']),
  {
    ...followed("`Link` for something else alone", ['<https://example.com/>; rel="license"']),
    behaviour: "the last page",
    gives: ["a"]
  },
  refused("`Link` without angle brackets", ['/v2/org/app/tags/list?last=a; rel="next"']),
  refused("truncated `Link`", ['</v2/org/app/tags/list?last=a; rel="next"']),
  refused("`Link` that leads to no page", ['</v2/org/app/tags/list>; rel="next"']),
  refused("`Link` that is not an address", ['<http://:::/?last=a>; rel="next"'])
]

interface Answer {
  readonly status: number
  readonly type?: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** What is answered at the API, and at the tag that stands for it; `LIST` is an index of one referrer. */
export interface ReferrersCase extends Row {
  readonly api: Answer
  readonly tag?: Answer
  /** How the manifest itself is answered for. Default 200. */
  readonly subject?: number
  /** The referrer of `LIST`, nothing, or the reason. */
  readonly gives: "listed" | "nothing" | "AccessDenied" | "RegistryError" | "InvalidResponse" | "DigestMismatch"
}

const index = mediaTypes.oci.index
const listed: Answer = { status: 200, type: index, body: "LIST" }
const gone: Answer = { status: 404 }
const page: Answer = { status: 200, type: "text/html", body: "<!doctype html><title>Log in</title>" }
const same = "go-containerregistry does the same"
const fails = "go-containerregistry fails"

const absent: Readonly<Record<string, readonly [api: Answer, oracle: string]>> = {
  "status 400": [{ status: 400 }, same],
  "status 404": [{ status: 404 }, same],
  "status 405": [{ status: 405 }, fails],
  "status 406": [{ status: 406 }, same],
  "status 501": [{ status: 501 }, fails],
  "status 401 without a challenge": [{ status: 401 }, fails],
  "status 303 to a web page": [{ status: 303, headers: { location: "/login" } }, same],
  "a web page": [page, same],
  "`{}`": [{ status: 200, type: "application/json", body: "{}" }, same],
  "`{}` as an index": [{ status: 200, type: index, body: "{}" }, "go-containerregistry lists nothing"],
  "the manifest itself": [
    { status: 200, type: index, body: "SUBJECT" },
    "go-containerregistry lists what the manifest holds"
  ]
}

export const referrers: ReadonlyArray<ReferrersCase> = [
  ...Object.entries(absent).flatMap(
    ([what, [api, oracle]]): ReadonlyArray<ReferrersCase> => [
      {
        input: `the referrers API answers ${what}`,
        behaviour: "the fallback tag is read",
        oracle,
        api,
        tag: listed,
        gives: "listed",
        law
      },
      {
        input: `the referrers API answers ${what}; the tag is not there`,
        behaviour: "an empty list",
        oracle,
        api,
        tag: gone,
        gives: "nothing",
        law
      }
    ]
  ),
  ...Object.entries<Answer>({
    "status 400": { status: 400 },
    "status 401": { status: 401 },
    "status 403": { status: 403 },
    "status 405": { status: 405 },
    "a web page": page,
    "the manifest itself": { status: 200, type: index, body: "SUBJECT" },
    "an image": { status: 200, type: mediaTypes.oci.manifest, body: "IMAGE" }
  }).map(
    ([what, tag]): ReferrersCase => ({
      input: `no referrers API; the fallback tag answers ${what}`,
      behaviour: "an empty list",
      oracle:
        what === "an image" || what === "a web page"
          ? "go-containerregistry gives what it got"
          : what === "the manifest itself"
            ? "go-containerregistry lists what the manifest holds"
            : fails,
      api: gone,
      tag,
      gives: "nothing",
      law
    })
  ),
  {
    input: "an API that lists nothing: `manifests: null`",
    behaviour: "an empty list",
    oracle: "distribution-spec",
    api: { status: 200, type: index, body: JSON.stringify({ schemaVersion: 2, mediaType: index, manifests: null }) },
    tag: listed,
    gives: "nothing",
    law
  },
  {
    input: "an API whose answer has the type `application/json`",
    behaviour: "accepted: its content says what it is",
    oracle: "go-containerregistry asks the tag",
    api: { ...listed, type: "application/json" },
    gives: "listed",
    law
  },
  {
    input: "no API; the tag and the manifest itself are refused",
    behaviour: "`AccessDenied`: without access there is no answer",
    oracle: fails,
    because: "no signature and an unreadable signature are not the same",
    api: gone,
    tag: { status: 403 },
    subject: 403,
    gives: "AccessDenied",
    law
  },
  {
    input: "the API answers 403",
    behaviour: "`AccessDenied`",
    oracle: same,
    api: { status: 403 },
    tag: listed,
    gives: "AccessDenied",
    law
  },
  {
    input: "the API answers 401 with a challenge",
    behaviour: "`AccessDenied`",
    oracle: same,
    api: { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } },
    tag: listed,
    gives: "AccessDenied",
    law
  },
  {
    input: "the API answers 500",
    behaviour: "`RegistryError`, after the retries",
    oracle: same,
    api: { status: 500 },
    tag: listed,
    gives: "RegistryError",
    law
  },
  {
    input: "no API; the tag answers 503",
    behaviour: "`RegistryError`, after the retries",
    oracle: same,
    api: gone,
    tag: { status: 503 },
    gives: "RegistryError",
    law
  },
  {
    input: "a truncated index from the API",
    behaviour: "`InvalidResponse`",
    oracle: "JSON",
    api: { status: 200, type: index, body: '{"schemaVersion":2,"manifests":[' },
    tag: listed,
    gives: "InvalidResponse",
    law
  },
  {
    input: "no API; an index under the tag that is not what its digest says",
    behaviour: "`DigestMismatch`",
    oracle: "distribution-spec",
    api: gone,
    tag: { ...listed, headers: { "docker-content-digest": `sha256:${"0".repeat(64)}` } },
    gives: "DigestMismatch",
    law
  }
]
