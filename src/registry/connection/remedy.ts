/** What a person can do about a connection that failed, by its error's code. */
import type { Tls } from "../tls/Tls.ts"

/** By the codes' beginnings. `HOST` stands for the host. */
const remedies: ReadonlyArray<readonly [code: RegExp, remedy: string]> = [
  [
    /^(?:DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED|UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY_LEAF)/,
    "If this is the right server, trust its authority, or its certificate itself, by `hosts[HOST].ca`."
  ],
  [/^CERT_(?:HAS_EXPIRED|NOT_YET_VALID)/, "Check the clock of this machine; else the server needs a new certificate."],
  [/^(?:ERR_TLS_CERT_ALTNAME|HOSTNAME_MISMATCH)/, "Use a name that the server's certificate is made out to."],
  [/^ERR_TLS_FILE/, "Correct the file that is named: PEM, readable, and a certificate with its own key."],
  [/^PROXY_/, "Check the proxy: HTTPS_PROXY, HTTP_PROXY and NO_PROXY, or the option proxy."]
]

const clientCertificate = "If the server wants a client certificate, show one by `hosts[HOST].client`."

/** A server that wants a certificate says so by an alert, or just closes the connection. */
const wantsCertificate = /^(?:ERR_SSL_.*(?:_ALERT_HANDSHAKE_FAILURE|_CERTIFICATE)|UND_ERR_SOCKET$|ECONNRESET$)/

export const remedyOf = (code: string, { protocol, host }: URL, tls: Tls | undefined): string | undefined => {
  const shown = tls !== undefined && tls.client.length > 0
  const certificate = protocol === "https:" && !shown && wantsCertificate.test(code) ? clientCertificate : undefined
  return (certificate ?? remedies.find(([codes]) => codes.test(code))?.[1])?.replace("HOST", JSON.stringify(host))
}
