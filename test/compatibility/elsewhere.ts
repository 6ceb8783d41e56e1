/** What is tried beside the code that does it: lines of the page whose inputs stand in those tests. */
import type { Row } from "./Row.ts"

const row = (
  input: string,
  behaviour: string,
  oracle: Row["oracle"],
  file: string,
  words: string,
  more: Pick<Row, "report" | "because"> = {}
): Row => ({ input, behaviour, oracle, law: [file, words], ...more })

const hostsTest = "registry/hosts/Hosts.test.ts"
const programs = "interop/hosts.test.ts"

/** Forms of a `hosts.toml`, by the names that they have where ctr is asked. */
const tables: Readonly<Record<string, string>> = {
  "by ca": "with `ca`",
  "by skip_verify": "with `skip_verify`",
  "without a server": "without `server`",
  "with an empty list of capabilities": "with `capabilities = []`",
  "with capabilities in another case": "with capabilities in capitals",
  "behind a mirror that is not there": "after a mirror that is down"
}

export const hosts: ReadonlyArray<Row> = [
  ...Object.entries(tables).map(([form, what]) =>
    row(
      `\`[host."https://registry:5000"]\` in the registry's own \`hosts.toml\`, ${what}`,
      "pulled by these settings",
      { ctr: true },
      programs,
      form,
      { report: "containerd #7118, #11647, #12273" }
    )
  ),
  row(
    "the same without a CA, where the registry's is not trusted",
    "`RegistryUnreachable`",
    { ctr: false },
    programs,
    "without an authority neither pulls"
  ),
  row(
    "the same with `client` or `header`",
    "its settings are the registry's",
    "containerd",
    hostsTest,
    "its settings are the registry's"
  ),
  row(
    "the same between two mirrors",
    "it keeps its place among them, once",
    "containerd",
    hostsTest,
    "keeps its place among the mirrors"
  ),
  row(
    "the same over plain HTTP, or with another path",
    "the scheme is taken; another path is a place of its own",
    "containerd",
    hostsTest,
    "another path is another place"
  ),
  row(
    "general settings beside those of a named host: flags, options",
    "they add up; for each setting the named host's counts",
    "–",
    hostsTest,
    "by options adds up"
  ),
  row(
    "`_default/hosts.toml` beside docker's `certs.d/HOST`",
    "they add up",
    "–",
    hostsTest,
    "_default beside docker's certificates",
    {
      because: "whoever wrote both means both"
    }
  ),
  row("a mirror with a `ca` of its own", "pulled from the mirror", { ctr: true }, programs, "a mirror's own authority"),
  row(
    "a CA for a mirror, by flag, option or `certs.d/MIRROR`",
    "a mirror is a host like any other",
    "containerd",
    hostsTest,
    "and for a mirror"
  ),
  row(
    "a registry whose realm or blobs are on its own host, on another port",
    "its own host is its own host",
    "GitLab lies so, on port 5050",
    "registry/connection/Guard.test.ts",
    "is its own host on another port"
  ),
  row(
    "a registry at a private and a public address",
    "public, once it answered so",
    "–",
    "registry/connection/Guard.test.ts",
    "stays public once it was",
    {
      because: "who answers decides, not what the name resolves to"
    }
  ),
  row(
    "a redirect to an address that is refused",
    "`AddressRefused`, with the option that permits it: `trustedHosts`",
    "–",
    "registry/connection/Guard.test.ts",
    "is refused with the option that permits it",
    {
      because: "a stranger writes it, and this machine connects to it"
    }
  ),
  ...["root", "intermediate", "leaf"].map((name) =>
    row(
      `\`certs.d/HOST/ca.crt\` is the ${name === "leaf" ? "server's own certificate" : `${name} of its chain`}`,
      "trusted as given",
      { skopeo: true },
      programs,
      "as skopeo takes it"
    )
  ),
  row(
    "a registry on a loopback address that speaks TLS",
    "HTTPS, once plain HTTP was refused; `plainHttp: false`: from the start",
    { skopeo: true, ctr: false },
    programs,
    "on a loopback address that speaks TLS",
    { because: "ctr speaks plain HTTP to a loopback address for which no table has the scheme" }
  ),
  row(
    "the same, with a certificate that is not trusted",
    "`RegistryUnreachable`, which says what is wrong with the certificate",
    { ctr: false, skopeo: false },
    programs,
    "on a loopback address that speaks TLS"
  )
]

const proxy = "registry/connection/Proxy.test.ts"
export const proxies: ReadonlyArray<Row> = [
  row(
    "`HTTPS_PROXY=socks5://proxy:1080`, `socks5h://`; with a login or without",
    "every request is tunnelled; the proxy resolves the names",
    "Go's `net/http`, RFC 1928, RFC 1929",
    proxy,
    "is tunnelled through for both schemes, resolves the names"
  ),
  row(
    "a SOCKS proxy that refuses, is down, is silent, or speaks something else",
    "`RegistryUnreachable`, which names the proxy without its password",
    "–",
    proxy,
    "that refuses, is none, or is silent"
  ),
  ...["`socks4://proxy`", "a port above 65535", "no address"].map((what) =>
    row(
      `\`HTTPS_PROXY\` or \`https_proxy\`: ${what}`,
      "what would use it fails with the variable's name; all else works",
      "–",
      proxy,
      "in a variable that names none fails what would use it"
    )
  ),
  row(
    "the option `proxy` with an address that is none",
    "`InvalidOption`",
    "–",
    proxy,
    "given as an option that is none is refused"
  ),
  row(
    "`HTTP_PROXY` in a program that answers a web request (`REQUEST_METHOD` is set)",
    "left out",
    "Go's `net/http`; CVE-2016-5386",
    proxy,
    "never from a web request"
  ),
  row(
    "`NO_PROXY` with names, domains, addresses, networks and ports",
    "as curl and Go read it",
    "Go's `golang.org/x/net/http/httpproxy`",
    proxy,
    "names hosts, domains, addresses, networks and ports"
  )
]

const waiting = "registry/http/waiting.test.ts"
const deadline = "pull/deadline.test.ts"
export const waits: ReadonlyArray<Row> = [
  ...["429 with `Retry-After: 3600`", "503 with `Retry-After: 3600`", "429 with a date in an hour"].map((what) =>
    row(what, "asked once; the failure has the time in it", "–", waiting, "and the failure has the time in it", {
      because: "no pull waits for more than `retry.maxWait`, one minute"
    })
  ),
  row(
    "the same of the server of tokens",
    "asked once, for all pulls of the next minute",
    "–",
    waiting,
    "is asked once for a token"
  ),
  row(
    "`Retry-After` of no more than `retry.maxWait`",
    "waited for to the second",
    "RFC 9110, section 10.2.3",
    waiting,
    "lets the very time be waited for that it names"
  ),
  row(
    "a server that takes the connection and never answers",
    "four times `timeouts.headers`, some 127 s; `timeouts.total` bounds the whole: `DeadlineExceeded`",
    "–",
    deadline,
    "a server that takes the connection and never answers"
  ),
  row(
    "a body that stalls until `timeouts.total` is over",
    "`DeadlineExceeded`; the next pull goes on where it stood",
    "–",
    deadline,
    "keeps what arrived of a body that stalls"
  ),
  row(
    "a pause that a registry asks for, longer than what is left of `timeouts.total`",
    "`DeadlineExceeded`",
    "–",
    deadline,
    "is given up in the midst of that"
  ),
  row(
    "a manifest, config, token or page of a list that comes byte by byte without end",
    "ended after `timeouts.document`",
    "–",
    "registry/http/deadlines.test.ts",
    "a document that drips without end"
  )
]

const heads = "registry/http/responses.test.ts"
const rangeless = "registry/blob/rangeless.test.ts"
const foreign = "registry/blob/foreign.test.ts"
export const http: ReadonlyArray<Row> = [
  row(
    "a body that was cut, then every range refused: 400, 405, 416, 501",
    "asked once without a range, what is there is left out",
    "–",
    rangeless,
    "a blob is asked for once without, and what is there of it is left out"
  ),
  row(
    "the same at the storage that the registry sends to",
    "the registry is asked again for the whole",
    "–",
    rangeless,
    "are refused by the storage that the registry sends to"
  ),
  row(
    "a host that refused ranges",
    "is not asked for ranges again",
    "–",
    rangeless,
    "the host is not asked for ranges again"
  ),
  row(
    "206 without, with a malformed, or with another `Content-Range`",
    "the next attempt asks for the whole",
    "RFC 9110",
    rangeless,
    "to a request for the whole is refused in words that say what came"
  ),
  row(
    "whatever an earlier pull kept of a blob",
    "the next pull succeeds",
    "–",
    "pull/keptBytes.test.ts",
    "what is kept may be %s"
  ),
  row(
    "a foreign layer with several `urls`, the first refused, reset, forbidden or of another scheme",
    "the next one is asked",
    "–",
    foreign,
    "and all others fail, with what the last one said"
  ),
  row(
    "`100 Continue`, lines that end in LF, folded headers, equal lengths twice",
    "read as Go reads them",
    "Go's `net/http`",
    heads,
    "and the connection is kept"
  ),
  row(
    "two lengths that differ",
    "refused, and named",
    "Go's `net/http`",
    heads,
    "has one length: two that differ are refused"
  ),
  row("an answer that is no HTTP", "an error that says so", "Go's `net/http`", heads, "that is no HTTP is called so"),
  row(
    "gzip-encoded manifests, configs and tokens, though none was asked for",
    "read, and proven by the bytes inside",
    "Go's `net/http`",
    "registry/http/readDocument.test.ts",
    "gzip",
    { report: "quay" }
  )
]

const credentials = "registry/auth/Credentials.test.ts"
export const logins: ReadonlyArray<Row> = [
  row(
    "podman's login without `XDG_RUNTIME_DIR`: root, cron, CI",
    "found where podman keeps it",
    "podman writes it",
    "interop/auth.test.ts",
    "podman's login without a runtime directory is found where podman keeps it"
  ),
  row(
    "`Auths`, `Auth` and other keys of `config.json` in any case; several that fit",
    "read; the exact one first",
    "Go's `encoding/json`",
    credentials,
    "are read as Go reads them: names in any case, the exact one first"
  ),
  row(
    "a credential helper that answers in lower case",
    "read",
    "Go's `encoding/json`",
    credentials,
    "answers in any case, as Go reads it"
  ),
  row(
    "a credential helper that is missing, fails, or says nonsense",
    "one warning; what is public is pulled",
    "–",
    credentials,
    "that is none, fails, or says nonsense is a warning"
  ),
  row(
    "a user without a passwd entry, and no `HOME`",
    "pulls with `--root`; else a sentence",
    "–",
    "interop/auth.test.ts",
    "a user whom the system does not know, without HOME, pulls with --root"
  ),
  row(
    "numbers, `null`, order and spaces of a `config.json` that `login` changes",
    "stay to the byte",
    "–",
    "registry/auth/editAuths.test.ts",
    "is all that changes: numbers, null, order, spaces"
  )
]

const messages = "registry/http/messages.test.ts"
export const messageRows: ReadonlyArray<Row> = [
  row(
    "plain HTTP to a server that speaks TLS",
    "the error says so",
    "–",
    messages,
    "of a server that speaks TLS: that is said"
  ),
  row(
    "HTTPS to a server that speaks plain HTTP",
    "the error says so",
    "–",
    messages,
    "of a server that speaks plain HTTP"
  ),
  row(
    "a server that wants a client certificate",
    "the error says so",
    "–",
    messages,
    "of a server that wants a certificate: that is said"
  ),
  row(
    "a storage that refuses",
    "its own words, and no advice to log in",
    "–",
    messages,
    "of the storage that a registry sends to: logging in is not advised"
  )
]

const untar = "layer/tar/untar.test.ts"
const numbers = "interop/layer/numbers.test.ts"
export const layers: ReadonlyArray<Row> = [
  row(
    "times beyond ±2⁵³ seconds, before the year 1, after 9999",
    "the nearest of the years 1 to 9999",
    "GNU tar and umoci unpack them",
    numbers,
    "is the nearest of the years 1 to 9999"
  ),
  row(
    "times of twenty and more digits",
    "read to the nanosecond, the rest cut off",
    "GNU tar, umoci",
    untar,
    "the digits of a PAX time have no number"
  ),
  row("owners −2, −3, 2³², 2³³ + 5", "modulo 2³²", "umoci", numbers, "%s: is umoci's"),
  row(
    "an owner of −1 or 2³² − 1",
    "`UnsafeEntry`",
    "umoci leaves it to root",
    numbers,
    "is one that umoci leaves to whoever unpacks",
    {
      because: "to chown(2) it means *do not change*: a setuid file would become root's"
    }
  ),
  row("an owner that is no number", "`CorruptLayer`", "Go's `archive/tar`", untar, "an owner of %s is none"),
  row(
    "a layer compressed with bzip2, xz, lz4",
    "`CorruptLayer`, which names the compression",
    "image-spec: gzip and zstd",
    untar,
    "is called by its name"
  ),
  row(
    "overlay: a whiteout in a directory that no lower layer has",
    "invisible in every mount of the image's own layers",
    "the kernel",
    "interop/layer/overlay.test.ts",
    "is never seen"
  )
]

/** What those who use a registry have in its manner: see the tests, each with what is peculiar to one. */
const dresses = "image/dresses.test.ts"
const peculiar: ReadonlyArray<readonly [registry: string, what: string, words: string]> = [
  [
    "Docker Hub",
    "the token service is another host, blobs lie elsewhere, the quota is told",
    "Docker Hub: the token service is another host"
  ],
  ["GHCR", "a token for any user name, 403 for what may not be seen", "GHCR: a token for any user name"],
  ["ECR", "Basic with a long password, storage that refuses credentials", "ECR: Basic for the user AWS"],
  ["GAR, GCR", "a key file for password; POST is unknown", "GAR and GCR: a key file's text"],
  ["ACR", "the identity token is exchanged by POST", "ACR: the identity token is exchanged"],
  ["Quay, Harbor", "robots' names, with `+` and `$`", "Quay and Harbor: robots' names"],
  ["GitLab", "tokens that end in the middle of a pull", "GitLab: tokens that end"],
  ["Artifactory", "takes a refresh token for a password", "Artifactory: the service wants no refresh token"]
]
export const registries: ReadonlyArray<Row> = peculiar.map(([registry, what, words]) =>
  row(`${registry}: ${what}`, "pulled", "–", dresses, words)
)

export const builders: ReadonlyArray<Row> = [
  row(
    "docker-registry (distribution 2.8): images of Debian, pulled whole",
    "as GNU tar extracts the same blobs",
    "GNU tar",
    "interop/pull.test.ts",
    "equals what GNU tar makes of it"
  ),
  row(
    "the same image from a registry, a mirror, a layout, archives and a pipe",
    "the same trees and rows",
    "skopeo writes them",
    "interop/sources.test.ts",
    "is the same from a registry, a mirror, a layout, archives and a pipe"
  ),
  row(
    "a layout of what was pulled",
    "is read by skopeo and umoci",
    "skopeo, umoci",
    "interop/sources.test.ts",
    "is read by skopeo and umoci"
  ),
  row("a registry of `ociflow/testing`", "is read by skopeo", "skopeo", "interop/testing/skopeo.test.ts", "skopeo")
]
