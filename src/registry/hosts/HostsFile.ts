/**
 * containerd's `hosts.toml` (containerd, docs/hosts.md): the places that serve a registry's images, in order, and how to
 * speak to each. A directory may hold docker's certificates, too: `*.crt`, `*.cert` with `*.key`.
 */
import { readdir } from "node:fs/promises"
import { join, resolve } from "node:path"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { ClientCertificate, HostOptions, MirrorOptions, TlsOptions } from "../../api/config.ts"
import { readBounded } from "../../fs/readBounded.ts"
import { isMissing } from "../auth/authFiles.ts"

const oneOrMore = Schema.Union([Schema.String, Schema.Array(Schema.String)])
const fields = {
  capabilities: Schema.optionalKey(Schema.Array(Schema.String)),
  ca: Schema.optionalKey(oneOrMore),
  client: Schema.optionalKey(Schema.Union([Schema.String, Schema.Array(oneOrMore)])),
  skip_verify: Schema.optionalKey(Schema.Boolean),
  header: Schema.optionalKey(Schema.Record(Schema.String, oneOrMore)),
  override_path: Schema.optionalKey(Schema.Boolean)
}
const Fields = Schema.Struct(fields)
const Written = Schema.Struct({
  ...fields,
  server: Schema.optionalKey(Schema.String),
  host: Schema.optionalKey(Schema.Record(Schema.String, Fields))
})

/** A mirror as it is written: `push` and what is not known yet are among the capabilities. */
export interface WrittenMirror extends Omit<MirrorOptions, "capabilities"> {
  readonly capabilities?: ReadonlyArray<string> | undefined
}

/** What a directory says of its registry. */
export interface HostsFile extends Omit<HostOptions, "mirrors"> {
  readonly mirrors?: ReadonlyArray<WrittenMirror> | undefined
  /** Asked last, instead of the registry of that name. */
  readonly server?: WrittenMirror | undefined
}

/** Bytes of a file that are read. */
const longest = 2 ** 20

type Client = NonNullable<(typeof Fields.Type)["client"]>

/** `"both.pem"`, `["both.pem", …]`, or `[["cert.pem", "key.pem"], …]`. */
const clientsOf = (client: Client, at: (path: string) => string): ReadonlyArray<ClientCertificate> =>
  (typeof client === "string" ? [client] : client).flatMap((pair) => {
    const [cert, key] = typeof pair === "string" ? [pair] : pair
    return cert === undefined ? [] : [{ cert: at(cert), ...(key ? { key: at(key) } : {}) }]
  })

/** Of a header's several values one line is made. */
const headersOf = (header: Readonly<Record<string, string | ReadonlyArray<string>>>) =>
  Object.fromEntries(Object.entries(header).map(([name, value]) => [name.toLowerCase(), [value].flat().join(", ")]))

const optionsOf = (
  { capabilities, ca, client, skip_verify, header, override_path }: typeof Fields.Type,
  directory: string
): Omit<WrittenMirror, "url"> => {
  const at = (path: string) => resolve(directory, path)
  const tls: TlsOptions = {
    ...(ca === undefined ? {} : { ca: [ca].flat().map(at) }),
    ...(client === undefined ? {} : { client: clientsOf(client, at) }),
    ...(skip_verify === undefined ? {} : { insecure: skip_verify })
  }
  return {
    ...tls,
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(header === undefined ? {} : { headers: headersOf(header) }),
    ...(override_path === undefined ? {} : { overridePath: override_path })
  }
}

/** The parser is loaded for the first file that there is. */
export const parseHostsFile = Effect.fnUntraced(function* (text: string, directory: string) {
  const { parse } = yield* Effect.promise(() => import("smol-toml"))
  const toml = yield* Effect.try({ try: () => parse(text), catch: () => "it is no TOML" })
  const { host = {}, server, ...root } = yield* Schema.decodeUnknownEffect(Written)(toml)
  const { capabilities: _, ...own } = optionsOf(root, directory)
  const mirrors = Object.entries(host).map(([url, it]) => ({ url, ...optionsOf(it, directory) }))
  const file: HostsFile = { ...own, mirrors, ...(server ? { server: { ...own, url: server } } : {}) }
  return file
})

/** What docker and podman keep for a registry: authorities, and certificates to show with the keys of the same name. */
export const readCertificates = Effect.fnUntraced(function* (
  directory: string
): Effect.fn.Return<TlsOptions | undefined> {
  const names = yield* Effect.orElseSucceed(
    Effect.tryPromise(() => readdir(directory)),
    (): ReadonlyArray<string> => []
  )
  const ending = (end: string) => names.filter((name) => name.endsWith(end)).sort()
  const ca = ending(".crt").map((name) => join(directory, name))
  const client = ending(".cert")
    .map((name) => ({ cert: name, key: name.replace(/cert$/, "key") }))
    .filter(({ key }) => names.includes(key))
    .map(({ cert, key }) => ({ cert: join(directory, cert), key: join(directory, key) }))
  return ca.length + client.length === 0 ? undefined : { ca, client }
})

/** `undefined` where the directory has no such file. */
export const readHostsFile = Effect.fnUntraced(function* (
  directory: string
): Effect.fn.Return<HostsFile | undefined, unknown> {
  const path = join(directory, "hosts.toml")
  const bytes = yield* readBounded(path, longest).pipe(
    Effect.catch((error) => (isMissing(error) ? Effect.undefined : Effect.fail(error)))
  )
  if (bytes === undefined) return undefined
  return yield* parseHostsFile(bytes.toString(), directory)
})
