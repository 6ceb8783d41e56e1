/** How TLS is spoken to one host: paths of PEM files, so that it is a plain value; the files are read when connecting. */
import type * as tls from "node:tls"
import * as Effect from "effect/Effect"
import type { ClientCertificate, TlsOptions } from "../../api/config.ts"
import { readBounded } from "../../fs/readBounded.ts"
import { nodeTls } from "../../seams/builtins.ts"

export interface Tls {
  /** Trusted beside the usual authorities. */
  readonly ca: ReadonlyArray<string>
  readonly client: ReadonlyArray<{ readonly cert: string; readonly key: string }>
  readonly insecure: boolean
}

const list = <A>(value: A | ReadonlyArray<A> | undefined): ReadonlyArray<A> =>
  value === undefined ? [] : Array.isArray(value) ? value : [value as A]

/** `undefined` where nothing out of the ordinary is asked for. */
export const tlsOf = ({ ca, client, insecure = false }: TlsOptions): Tls | undefined => {
  const clients = list<ClientCertificate>(client).map(({ cert, key = cert }) => ({ cert, key }))
  return ca === undefined && clients.length === 0 && !insecure ? undefined : { ca: list(ca), client: clients, insecure }
}

/** For another host that the first one pointed to: whom it trusts counts, what it shows and forgives does not. */
export const trusting = (first: Tls | undefined, own: Tls | undefined): Tls | undefined =>
  first === undefined || first.ca.length === 0
    ? own
    : { client: [], insecure: false, ...own, ca: [...new Set([...(own?.ca ?? []), ...first.ca])] }

/** A file that cannot be used, or is not what it should be. `code` is one that asking again does not help. */
export class UnusablePem extends Error {
  readonly code = "ERR_TLS_FILE"
}

/** Bytes of a file: all authorities of a system take less than one MiB. */
const longest = 2 ** 24

const read = (path: string) =>
  readBounded(path, longest).pipe(
    Effect.mapBoth({
      onSuccess: (bytes) => bytes.toString("latin1"),
      onFailure: () => new UnusablePem(`the certificate file ${path} cannot be read`)
    })
  )

const pem = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/

/** Node ignores a file that is not a certificate, and then does not trust a server that it should trust. */
const readAuthority = Effect.fnUntraced(function* (path: string) {
  const text = yield* read(path)
  if (pem.test(text)) return text
  // DER: a sequence with a length of two bytes.
  const problem = text.startsWith("0\x82")
    ? "is DER: openssl x509 -inform der makes PEM of it"
    : "holds no PEM certificate"
  return yield* Effect.fail(new UnusablePem(`the certificate file ${path} ${problem}`))
})

/** What Node takes for the usual authorities; giving one's own replaces them all. */
const usual = (): ReadonlyArray<string> => {
  const tls = nodeTls()
  return "getCACertificates" in tls && typeof tls.getCACertificates === "function"
    ? tls.getCACertificates("default")
    : tls.rootCertificates
}

/** The options of a connection. */
export const readTls = Effect.fnUntraced(function* ({
  ca,
  client,
  insecure
}: Tls): Effect.fn.Return<tls.SecureContextOptions & { readonly rejectUnauthorized?: boolean }, UnusablePem> {
  const authorities = yield* Effect.forEach(ca, readAuthority)
  const cert = yield* Effect.forEach(client, ({ cert }) => read(cert))
  const key = yield* Effect.forEach(client, ({ key }) => read(key))
  const options = {
    // An intermediate or a server's own certificate is trusted as it is given, as Go does, without what signed it.
    ...(authorities.length === 0 ? {} : { ca: [...usual(), ...authorities], allowPartialTrustChain: true }),
    ...(cert.length === 0 ? {} : { cert, key }),
    ...(insecure ? { rejectUnauthorized: false } : {})
  }
  yield* Effect.try({
    try: () => nodeTls().createSecureContext(options),
    catch: () =>
      new UnusablePem(`the certificates of ${[...ca, ...client.map(({ cert }) => cert)].join(", ")} cannot be used`)
  })
  return options
})
