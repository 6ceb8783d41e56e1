/** The options that say how hosts are reached and who asks them. No value is shown: it may be a secret. */
import { isIP } from "node:net"
import { isRedacted, type Redacted } from "effect/Redacted"
import type {
  ClientCertificate,
  Credentials,
  CredentialsOf,
  HostOptions,
  MirrorOptions,
  ProxyOptions,
  TlsOptions
} from "../config.ts"
import { credentialsProblem } from "./credentialsProblem.ts"
import { boolean, either, type Kind, list, object, oneOrMore, other, path, record, type Table, text } from "./Kind.ts"

const isText = (value: unknown): value is string => typeof value === "string"

export const secret: Kind<string | Redacted<string>> = other(
  "text",
  "text, or a Redacted",
  (value) => isText(value) || isRedacted(value)
)

/** `registry.example.com`, `.example.com`, `10.0.0.7`, `10.0.0.0/8`, with a port or without: what else is given never matches. */
const isHostPattern = (value: string): boolean => {
  const given = value.trim()
  const [, address = "", prefix] = /^(.*)\/([0-9]{1,3})$/.exec(given) ?? []
  if (prefix !== undefined) return isIP(address) !== 0 && Number(prefix) <= (isIP(address) === 4 ? 32 : 128)
  const [, bracketed, port] = /^(?:\[(.*)\]|\.?[a-z0-9_][a-z0-9_.-]*)(?::([0-9]{1,5}))?$/i.exec(given) ?? ["", "", "-"]
  if (isIP(given) === 6) return true
  return port !== "-" && (bracketed === undefined || isIP(bracketed) === 6) && Number(port ?? 0) <= 65_535
}

const hostPattern = text(
  "names, `.domain`, addresses, networks, with a port or without",
  "a host, a domain (.example.com), an address or a network",
  isHostPattern
)

const certificate = object<ClientCertificate>(
  {
    cert: { kind: path, default: "", does: "PEM file with the certificate" },
    key: { kind: path, default: "the file of `cert`", does: "PEM file with its key" }
  },
  "`cert`, `key`",
  "cert"
)

const tls: Table<TlsOptions> = {
  ca: {
    kind: oneOrMore(path, "paths", "a path, and not empty"),
    default: "none",
    does: "PEM files with certificate authorities to trust, in addition to the usual ones"
  },
  client: {
    kind: oneOrMore(certificate, "certificates", "an object with cert and key"),
    default: "none",
    does: "client certificate for this host, which is shown to no other"
  },
  insecure: {
    kind: boolean,
    default: "`false`",
    does: "accept any certificate of this host"
  }
}

const headers = record(secret, "name")

const capability = other<"pull" | "resolve">(
  "`pull`, `resolve`",
  "pull or resolve",
  (value) => isText(value) && /^(?:pull|resolve|push)$/i.test(value)
)

export const mirrorOptions: Table<MirrorOptions> = {
  url: {
    kind: text("address", "an address, and not empty"),
    default: "",
    does: "address of the mirror; `/v2` is added to its path unless it ends so"
  },
  capabilities: {
    kind: list(capability, "pull and resolve", capability.values),
    default: "both",
    does: "`pull`: used for what a digest names; `resolve`: trusted to say what a tag names"
  },
  headers: { kind: headers, default: "none", does: "headers sent to this mirror with each request" },
  overridePath: { kind: boolean, default: "`false`", does: "use the path as it is: no `/v2` is added" },
  ...tls
}

const mirror = either(
  mirrorOptions.url.kind,
  isText,
  object<MirrorOptions>(mirrorOptions, "mirror options", "url"),
  "an address, or an object with url"
)

export const hostOptions: Table<HostOptions> = {
  ...tls,
  plainHttp: {
    kind: boolean,
    default: "as the client's",
    does: "`true`: plain HTTP to this host; `false`: HTTPS, even on loopback"
  },
  headers: { kind: headers, default: "none", does: "headers sent to the registry with each request" },
  trustedHosts: {
    kind: list(hostPattern, "hosts, domains, addresses and networks", hostPattern.values),
    default: "none",
    does: "hosts that this registry may point to by a redirect, a token realm or a foreign layer, wherever they are",
    see: "[registries](registries.md#where-a-registry-may-point)",
    errors: ["AddressRefused"]
  },
  mirrors: {
    kind: list(mirror, "mirrors", "addresses, or [mirror options](#mirror-options)"),
    default: "none",
    does: "mirrors to ask before the registry, in this order"
  }
}

export const proxyOptions: Table<ProxyOptions> = {
  url: { kind: secret, default: "", does: "`http://[user:password@]host:port`, or `https://`, or `socks5://`" },
  noProxy: {
    kind: other<string>("hosts", "text", isText),
    default: "none",
    does: "hosts to reach without the proxy, as in `NO_PROXY`: names, domains, addresses, networks, separated by commas; `*` for all"
  }
}

export const proxy: Kind<false | ProxyOptions> = {
  ...either(
    other<false>("`false`", "false", (value) => value === false),
    (value) => value === false,
    object<ProxyOptions>(proxyOptions, "proxy options", "url"),
    "false, or an object with url and noProxy"
  ),
  values: "[proxy options](#proxy-options), or `false`"
}

/** An address or a path would never match. */
const isHostName = (name: string) => name === "*" || /^[^\s/@?#]+$/.test(name)

export const hosts: Kind<Readonly<Record<string, HostOptions>>> = record(
  object<HostOptions>(hostOptions, "host options"),
  "host",
  { isName: isHostName }
)

const login: Kind<Credentials> = {
  form: "other",
  values: "credentials",
  check: (option, value) => {
    const problem = credentialsProblem(value)
    return problem === undefined ? [] : [{ option, problem }]
  }
}

export const credentials: Kind<Readonly<Record<string, Credentials>> | CredentialsOf> = {
  ...either(
    other<CredentialsOf>("a function", "a function", (value) => typeof value === "function"),
    (value) => typeof value === "function",
    record(login, "registry host", { mayMiss: false }),
    "an object by registry host, or a function"
  ),
  values: "by host or part of one, or a function"
}
