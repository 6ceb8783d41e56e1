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
      "pulled with these settings",
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
    "its settings apply to the registry",
    "containerd",
    hostsTest,
    "its settings are the registry's"
  ),
  row(
    "the same between two mirrors",
    "the registry is tried at that point, once",
    "containerd",
    hostsTest,
    "keeps its place among the mirrors"
  ),
  row(
    "the same over plain HTTP, or with another path",
    "the scheme is used; another path is another host entry",
    "containerd",
    hostsTest,
    "another path is another place"
  ),
  row(
    "settings for all hosts and for one host: flags, options",
    "merged; for each setting, the named host's takes precedence",
    "–",
    hostsTest,
    "by options adds up"
  ),
  row(
    "`_default/hosts.toml` beside docker's `certs.d/HOST`",
    "merged",
    "–",
    hostsTest,
    "_default beside docker's certificates",
    {
      because: "both were configured on purpose"
    }
  ),
  row("a mirror with a `ca` of its own", "pulled from the mirror", { ctr: true }, programs, "a mirror's own authority"),
  row(
    "a CA for a mirror, by flag, option or `certs.d/MIRROR`",
    "used for the mirror, as for any host",
    "containerd",
    hostsTest,
    "and for a mirror"
  ),
  row(
    "a registry whose realm or blobs are on its own host, on another port",
    "allowed",
    "GitLab does this, on port 5050",
    "registry/address/AddressGuard.test.ts",
    "is its own host on another port"
  ),
  row(
    "a registry at a private and a public address",
    "public, once it has answered from the public address",
    "–",
    "registry/address/AddressGuard.test.ts",
    "stays public once it was",
    {
      because: "the address that answered decides, not what the name resolves to"
    }
  ),
  row(
    "a redirect to an address that is refused",
    "`AddressRefused`, which names the option that allows it: `trustedHosts`",
    "–",
    "registry/address/AddressGuard.test.ts",
    "is refused with the option that permits it",
    {
      because: "the registry chooses the address, and this machine connects to it"
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
    "HTTPS after plain HTTP has failed; with `plainHttp: false` from the start",
    { skopeo: true, ctr: false },
    programs,
    "on a loopback address that speaks TLS",
    { because: "ctr uses plain HTTP for a loopback address unless a table gives its scheme" }
  ),
  row(
    "the same, with a certificate that is not trusted",
    "`RegistryUnreachable`, which says what is wrong with the certificate",
    { ctr: false, skopeo: false },
    programs,
    "on a loopback address that speaks TLS"
  )
]

const proxy = "registry/proxy/Proxy.test.ts"
export const proxies: ReadonlyArray<Row> = [
  row(
    "`HTTPS_PROXY=socks5://proxy:1080`, `socks5h://`; with a login or without",
    "every request goes through the proxy, which resolves the names",
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
      "requests that would use it fail, and the error names the variable; others work",
      "–",
      proxy,
      "in a variable that names none fails what would use it"
    )
  ),
  row(
    "the option `proxy` with an invalid address",
    "`InvalidOption`",
    "–",
    proxy,
    "given as an option that is none is refused"
  ),
  row(
    "`HTTP_PROXY` in a program that answers a web request (`REQUEST_METHOD` is set)",
    "ignored",
    "Go's `net/http`; CVE-2016-5386",
    proxy,
    "never from a web request"
  ),
  row(
    "`NO_PROXY` with names, domains, addresses, networks and ports",
    "read as curl and Go read it",
    "Go's `golang.org/x/net/http/httpproxy`",
    proxy,
    "names hosts, domains, addresses, networks and ports"
  )
]

const waiting = "registry/http/waiting.test.ts"
const deadline = "pull/deadline.test.ts"
export const waits: ReadonlyArray<Row> = [
  ...["429 with `Retry-After: 3600`", "503 with `Retry-After: 3600`", "429 with a date in an hour"].map((what) =>
    row(what, "requested once; the error states the time", "–", waiting, "and the failure has the time in it", {
      because: "no pull waits for more than `retry.maxWait`, one minute"
    })
  ),
  row(
    "the same from the token server",
    "requested once for all pulls of the next minute",
    "–",
    waiting,
    "is asked once for a token"
  ),
  row(
    "`Retry-After` of no more than `retry.maxWait`",
    "waited for exactly",
    "RFC 9110, section 10.2.3",
    waiting,
    "lets the very time be waited for that it names"
  ),
  row(
    "a server that takes the connection and never answers",
    "given up after four times `timeouts.headers`, about 127 s; with `timeouts.total`, `DeadlineExceeded` after that time",
    "–",
    deadline,
    "a server that takes the connection and never answers"
  ),
  row(
    "a body that stalls until `timeouts.total` is over",
    "`DeadlineExceeded`; the next pull continues from there",
    "–",
    deadline,
    "keeps the bytes of a stalled body"
  ),
  row(
    "a pause that a registry asks for, longer than what is left of `timeouts.total`",
    "`DeadlineExceeded`",
    "–",
    deadline,
    "is given up in the midst of that"
  ),
  row(
    "a manifest, config, token or page of a list that arrives byte by byte and never ends",
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
    "a truncated body, then every range is refused: 400, 405, 416, 501",
    "the whole blob is requested once; bytes that are already there are skipped",
    "–",
    rangeless,
    "a blob is asked for once without, and what is there of it is left out"
  ),
  row(
    "the same at the storage that the registry redirects to",
    "the whole blob is requested from the registry again",
    "–",
    rangeless,
    "are refused by the storage that the registry sends to"
  ),
  row(
    "a host that refused ranges",
    "gets no more range requests",
    "–",
    rangeless,
    "the host is not asked for ranges again"
  ),
  row(
    "206 without, with a malformed, or with another `Content-Range`",
    "the next attempt requests the whole blob",
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
    "the next one is tried",
    "–",
    foreign,
    "and all others fail, with what the last one said"
  ),
  row(
    "a foreign layer with several `urls`, the first of which serves wrong bytes of the right length",
    "fetched anew from the next one, and proven",
    "–",
    "pull/foreignLayers.test.ts",
    "is fetched anew from the next one"
  ),
  row(
    "`100 Continue`, lines that end in LF, folded headers, equal lengths twice",
    "read as Go reads them",
    "Go's `net/http`",
    heads,
    "and the connection is kept"
  ),
  row(
    "two different lengths",
    "refused; the error names them",
    "Go's `net/http`",
    heads,
    "has one length: two that differ are refused"
  ),
  row(
    "a response that is not HTTP",
    "an error that says so",
    "Go's `net/http`",
    heads,
    "that is not HTTP is called so"
  ),
  row(
    "gzip-encoded manifests, configs and tokens, though none was asked for",
    "read; the digest is checked on the decompressed bytes",
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
    "read; an exact match is preferred",
    "Go's `encoding/json`",
    credentials,
    "are read as Go reads them: names in any case, an exact spelling first"
  ),
  row(
    "a credential helper that answers in lower case",
    "read",
    "Go's `encoding/json`",
    credentials,
    "answers in any case, as Go reads it"
  ),
  row(
    "a credential helper that is missing, fails, or gives a malformed answer",
    "one warning; public images are pulled",
    "–",
    credentials,
    "that is none, fails, or says nonsense is a warning"
  ),
  row(
    "a user without a passwd entry, and no `HOME`",
    "can pull with `--root`; without it, the error says so",
    "–",
    "interop/auth.test.ts",
    "a user whom the system does not know, without HOME, pulls with --root"
  ),
  row(
    "numbers, `null`, order and spaces of a `config.json` that `login` changes",
    "unchanged, byte for byte",
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
    "a storage host that refuses the request",
    "the error repeats its message, and does not advise to log in",
    "–",
    messages,
    "of the storage that a registry sends to: logging in is not advised"
  )
]

const untar = "layer/tar/untar.test.ts"
const numbers = "interop/layer/numbers.test.ts"
export const layers: ReadonlyArray<Row> = [
  row(
    "archives of GNU tar, bsdtar and busybox, in each of their formats",
    "the same times, owners, modes, links and holes as GNU tar makes",
    "GNU tar",
    "interop/layer/gnuTar.test.ts",
    "is unpacked as GNU tar does"
  ),
  row(
    "times beyond ±2⁵³ seconds, before the year 1, after 9999",
    "the nearest time in the years 1 to 9999",
    "GNU tar and umoci unpack them",
    numbers,
    "is the nearest of the years 1 to 9999"
  ),
  row(
    "times of twenty and more digits",
    "read to the nanosecond; the rest is dropped",
    "GNU tar, umoci",
    untar,
    "the digits of a PAX time have no number"
  ),
  row("owners −2, −3, 2³², 2³³ + 5", "modulo 2³²", "umoci", numbers, "%s: is umoci's"),
  row(
    "an owner of −1 or 2³² − 1",
    "`UnsafeEntry`",
    "umoci leaves the file to root",
    numbers,
    "is one that umoci leaves to the user who unpacks",
    {
      because: "to chown(2) it means *do not change*: a setuid file would become root's"
    }
  ),
  row("an owner that is not a number", "`CorruptLayer`", "Go's `archive/tar`", untar, "an owner of %s is none"),
  row(
    "a layer compressed with bzip2, xz, lz4",
    "`CorruptLayer`, which names the compression",
    "image-spec: gzip and zstd",
    untar,
    "is called by its name"
  ),
  row(
    "overlay: a whiteout in a directory that no lower layer has",
    "not listed in any mount of the image's layers",
    "the kernel",
    "interop/layer/overlay.test.ts",
    "is never seen"
  )
]

/** What those who use a registry have in its manner: see the tests, each with what is peculiar to one. */
const knownRegistries = "registry/knownRegistries.test.ts"
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
  row(`${registry}: ${what}`, "pulled", "–", knownRegistries, words)
)

export const builders: ReadonlyArray<Row> = [
  row(
    "docker-registry (distribution 2.8): images of Debian, pulled whole",
    "same result as GNU tar",
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
    "readable by skopeo and umoci",
    "skopeo, umoci",
    "interop/sources.test.ts",
    "is read by skopeo and umoci"
  ),
  row("a registry of `ociflow/testing`", "readable by skopeo", "skopeo", "interop/testing/skopeo.test.ts", "skopeo")
]
