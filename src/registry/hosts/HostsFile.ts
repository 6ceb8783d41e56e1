/**
 * containerd's `hosts.toml` (containerd, docs/hosts.md): the places that serve a registry's images, in order, and how to
 * speak to each. A directory may hold docker's certificates, too: `*.crt`, `*.cert` with `*.key`.
 */
import { readdir } from "node:fs/promises"
import { join, resolve } from "node:path"
import * as Effect from "effect/Effect"
import type { ClientCertificate, HostOptions, MirrorOptions, TlsOptions } from "../../api/config.ts"
import { readBounded } from "../../fs/readBounded.ts"
import * as Shape from "../../image/json/Shape.ts"
import { isMissing } from "../auth/authFiles.ts"

const oneOrMore = Shape.Union(Shape.String, Shape.Array(Shape.String))
const fields = {
  capabilities: Shape.optionalKey(Shape.Array(Shape.String)),
  ca: Shape.optionalKey(oneOrMore),
  client: Shape.optionalKey(Shape.Union(Shape.String, Shape.Array(oneOrMore))),
  skip_verify: Shape.optionalKey(Shape.Boolean),
  header: Shape.optionalKey(Shape.Record(oneOrMore)),
  override_path: Shape.optionalKey(Shape.Boolean)
}
const Fields = Shape.Struct(fields)
const Written = Shape.Struct({
  ...fields,
  server: Shape.optionalKey(Shape.String),
  host: Shape.optionalKey(Shape.Record(Fields))
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

/** Joins several values of a header into one line. */
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
  const toml = yield* Effect.try({ try: () => parse(text), catch: () => "it is not TOML" })
  const { host = {}, server, ...root } = yield* Shape.decode(Written)(toml)
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
