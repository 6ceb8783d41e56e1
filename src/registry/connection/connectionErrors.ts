/** What undici, TLS and the system mean by their errors, in words. */
import { codeOf, isError } from "../../api/codeOf.ts"
import { printable } from "../../api/errors.ts"
import type { Tls } from "../tls/Tls.ts"

const meanings: Readonly<Record<string, string>> = {
  UND_ERR_CONNECT_TIMEOUT: "no connection within the time limit",
  UND_ERR_HEADERS_TIMEOUT: "no answer within the time limit",
  UND_ERR_HEADERS_OVERFLOW: "the answer's headers are too large",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "the body is not as long as its Content-Length",
  UND_ERR_SOCKET: "the connection was closed",
  IDLE_TIMEOUT: "no bytes within the time limit",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was closed",
  ETIMEDOUT: "the connection timed out",
  ENOTFOUND: "the host name is not known",
  EAI_AGAIN: "the host name cannot be resolved now",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "the network is unreachable",
  ERR_SSL_WRONG_VERSION_NUMBER: "TLS failed; the server may speak plain HTTP",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "TLS failed; the server may speak plain HTTP",
  EPROTO: "TLS failed; the server may speak plain HTTP",
  ERR_SSL_ALERT_CERTIFICATE_REQUIRED: "TLS failed; the server requires a client certificate",
  ERR_SSL_ALERT_UNKNOWN_CA: "TLS failed; the server does not trust the client certificate",
  ERR_SSL_ALERT_BAD_CERTIFICATE: "TLS failed; the server rejects the client certificate, or requires one",
  ERR_SSL_ALERT_CERTIFICATE_EXPIRED: "TLS failed; the client certificate has expired",
  ERR_SSL_ALERT_CERTIFICATE_UNKNOWN: "TLS failed; the server rejects the client certificate",
  ERR_SSL_ALERT_HANDSHAKE_FAILURE: "TLS failed; the server may require a client certificate",
  ERR_SSL_ALERT_PROTOCOL_VERSION: "TLS failed; the server and this program have no TLS version in common",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed and not trusted",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is signed by an authority that is not trusted",
  UNABLE_TO_GET_ISSUER_CERT: "its certificate is signed by an authority that is not trusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is signed by an authority that is not trusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is signed by an authority that is not trusted",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet"
}

/** OpenSSL names an alert after the version of TLS that introduced it; from 3.5 on, most of them after all versions. */
const alertPrefix = /^ERR_SSL_(?:SSL\/TLS|SSLV3|TLSV1|TLSV13)_ALERT_/

/** Codes of ended connections, which may have another cause than they say. */
const closings: ReadonlySet<string> = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"])

/** Whether the other side ended an established connection, or what came over it was no answer. */
export const isConnectionClosed = (error: unknown): boolean => closings.has(codeOf(error)) || isParserError(error)

/** What a server may mean by ending a connection before any answer: many tell a client in no other way. */
export const likelyCause = (error: unknown, url: URL, hasCertificate: boolean): string => {
  if (url.protocol === "http:") return isConnectionClosed(error) ? "; the server may speak TLS" : ""
  return closings.has(codeOf(error)) && !hasCertificate ? "; the server may require a client certificate" : ""
}

const isParserError = (error: unknown): error is Error => isError(error) && error.name === "HTTPParserError"

/** The parser's own reason stands in brackets: `Response does not match the HTTP/1.1 protocol (Invalid header token)`. */
const parserProblem = ({ message }: Error): string => {
  const [, reason] = /\((.*)\)$/.exec(message) ?? []
  return `the answer is not HTTP/1.1${reason === undefined ? "" : `: ${printable(reason)}`}`
}

export const connectionProblem = (error: unknown): string => {
  if (isParserError(error)) return parserProblem(error)
  const code = codeOf(error)
  const known = code.replace(alertPrefix, "ERR_SSL_ALERT_")
  if (Object.hasOwn(meanings, known)) return `${meanings[known]} (${code})`
  // OpenSSL's own: 809C…:error:0A000410:SSL routines:ssl3_read_bytes:sslv3 alert bad record mac:../deps/…
  const [, openssl] = /:error:[0-9A-F]+:[^:]*:[^:]*:([^:]*):/.exec(isError(error) ? error.message : "") ?? []
  if (openssl !== undefined) return `TLS failed: ${printable(openssl)} (${code})`
  const message = isError(error) ? printable(error.message) : "unknown error"
  return code === "" ? message : `${message} (${code})`
}

/** Errors that do not go away by trying again: an invalid certificate, a proxy's refusal, a server without TLS. */
export const isPermanent = (error: unknown): boolean =>
  /^(?:ERR_TLS|ERR_SSL|CERT_|EPROTO|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|UND_ERR_INVALID_ARG|PROXY_(?:REFUSED|UNUSABLE))/.test(
    codeOf(error)
  )

/** What a user can do about it, by the beginning of the code. `HOST` stands for the host. */
const remedies: ReadonlyArray<readonly [code: RegExp, remedy: string]> = [
  [
    /^(?:DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED|UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY_LEAF)/,
    "If this is the right server, trust its authority or its own certificate with `hosts[HOST].ca`."
  ],
  [
    /^CERT_(?:HAS_EXPIRED|NOT_YET_VALID)/,
    "Check the clock of this machine. If it is right, the server needs a new certificate."
  ],
  [/^(?:ERR_TLS_CERT_ALTNAME|HOSTNAME_MISMATCH)/, "Use a host name that the server's certificate contains."],
  [
    /^ERR_TLS_FILE/,
    "Correct the file that the message names. It must be readable PEM, and a key must belong to its certificate."
  ],
  [/^PROXY_/, "Check the proxy: HTTPS_PROXY, HTTP_PROXY and NO_PROXY, or the option proxy."]
]

const clientCertificate = "If the server requires a client certificate, set one with `hosts[HOST].client`."

/** No option helps there: if an answer, or the lack of one, suggests TLS, that is tried. */
export const loopbackAdvice =
  "Check that the registry is running, and its port. On loopback addresses, ociflow finds out by itself whether a registry uses TLS."

/** A server that wants a certificate says so by an alert, or just closes the connection. */
const wantsCertificate = /^(?:ERR_SSL_.*(?:_ALERT_HANDSHAKE_FAILURE|_CERTIFICATE)|UND_ERR_SOCKET$|ECONNRESET$)/

export const connectionAdvice = (code: string, { protocol, host }: URL, tls: Tls | undefined): string | undefined => {
  const shown = tls !== undefined && tls.client.length > 0
  const certificate = protocol === "https:" && !shown && wantsCertificate.test(code) ? clientCertificate : undefined
  return (certificate ?? remedies.find(([codes]) => codes.test(code))?.[1])?.replace("HOST", JSON.stringify(host))
}
