/** An OCI registry within this process, that does as the distribution spec says until it is told to do worse. */
import { imagesOfLayout } from "../image/layout.ts"
import { Authenticator } from "./auth/Authenticator.ts"
import { serveBlob } from "./endpoints/blobs.ts"
import { serveCatalog, serveReferrers, serveTags } from "./endpoints/lists.ts"
import { serveManifest } from "./endpoints/manifests.ts"
import { Faults } from "./faults/Fault.ts"
import { type Answer, exchange, type IncomingRequest } from "./http/handleRequest.ts"
import { type Listener, listen } from "./http/Listener.ts"
import { failure, json, type Reply, reply } from "./http/Reply.ts"
import { type LoggedRequest, RequestLog } from "./http/RequestLog.ts"
import type { RegistryOptions, StorageOptions } from "./RegistryOptions.ts"
import { Repositories } from "./Repositories.ts"
import type { Storage, TestRegistry } from "./TestRegistry.ts"

/** Starts a registry on 127.0.0.1, by default on a free port. `await using` ends it, or `close()`. */
export const startRegistry = async (options: RegistryOptions = {}): Promise<TestRegistry> => {
  const repositories = await stock(options)
  const log = new RequestLog()
  const faults = new Faults()
  for (const fault of options.faults ?? []) faults.add(fault)
  const authenticator = new Authenticator(options.auth)
  const { tokens } = authenticator
  const start = (origin: LoggedRequest["origin"], answer: Answer, port?: number): Promise<Listener> =>
    listen(exchange({ log, faults, tokens }, origin, answer), options.tls, port)

  const issue = ({ logged, query, headers, form }: IncomingRequest): Reply =>
    tokens?.answer({ method: logged.method, query, authorization: headers.authorization, form }) ?? notFound
  const issuer =
    options.auth?.type === "bearer" && options.auth.ownOrigin === true ? await start("tokens", issue) : undefined
  const storage = await startStorage(options.storage, repositories, start)

  const main: Listener = await start(
    "registry",
    (asked) => {
      const { logged, headers, query } = asked
      if (logged.kind === "token") return issuer === undefined ? issue(asked) : notFound
      const realm = `${(issuer ?? main).origin}/token`
      const refusal = authenticator.refuse(logged, headers.authorization, realm, main.host)
      if (refusal !== undefined) return { refusal }
      const { kind, method, repository = "", reference = "", range } = logged
      if (method !== "GET" && method !== "HEAD") return failure(405, "UNSUPPORTED", "the operation is unsupported")
      const pageSize = options.pageSize ?? 100
      if (kind === "ping") return json(200, {}, { "docker-distribution-api-version": "registry/2.0" })
      if (kind === "catalog") return serveCatalog(repositories, query, pageSize)
      if (kind === "tags") return serveTags(repositories, repository, query, pageSize)
      const { referrers = true } = options
      if (kind === "referrers" && referrers !== false)
        return serveReferrers(repositories, repository, reference, query, Object(referrers).pageSize)
      if (kind === "manifest")
        return serveManifest(repositories, repository, reference, headers, options.negotiate ?? true)
      if (kind !== "blob") return notFound
      const content = repositories.blob(reference, repository)
      if (content === undefined || storage === undefined) return serveBlob(content, reference, range)
      return reply(storage.status, { location: storage.face.url(reference) })
    },
    options.port
  )

  const listeners = [main, storage?.listener, issuer].filter((listener) => listener !== undefined)
  const close = async () => {
    await Promise.all(listeners.map((listener) => listener.close()))
  }
  return {
    host: main.host,
    origin: main.origin,
    reference: (name) => `${main.host}/${name}`,
    log,
    storage: storage?.face,
    tokens,
    add: (name, image) => repositories.add(name, image),
    addBlob: (repository, content, digest) => repositories.addBlob(repository, content, digest),
    addDocument: (repository, bytes, mediaType, reference) =>
      repositories.addDocument(repository, bytes, mediaType, reference),
    fault: (on, action) => faults.add({ on, action }),
    clearFaults: () => faults.clear(),
    sockets: () => listeners.reduce((sum, listener) => sum + listener.sockets(), 0),
    accepted: () => listeners.reduce((sum, listener) => sum + listener.accepted(), 0),
    close,
    [Symbol.asyncDispose]: close
  }
}

const notFound = failure(404, "NOT_FOUND", "no such endpoint")

const stock = async ({ images = {}, layouts = {} }: RegistryOptions): Promise<Repositories> => {
  const repositories = new Repositories()
  for (const [name, image] of Object.entries(images)) repositories.add(name, image)
  for (const [repository, directory] of Object.entries(layouts))
    for (const { tag, image } of await imagesOfLayout(directory))
      repositories.add(tag === undefined ? repository : `${repository}:${tag}`, image)
  return repositories
}

/** The second origin: any blob of any repository, by its address alone; credentials are not asked for. */
const startStorage = async (
  wanted: boolean | StorageOptions | undefined,
  repositories: Repositories,
  start: (origin: "storage", answer: Answer) => Promise<Listener>
) => {
  if (wanted === undefined || wanted === false) return undefined
  const { status = 307, strict = false } = wanted === true ? {} : wanted
  let sawAuthorization = false
  const listener = await start("storage", ({ logged: { method, reference = "", range }, headers }) => {
    if (headers.authorization !== undefined) sawAuthorization = true
    if (method !== "GET" && method !== "HEAD") return failure(405, "UNSUPPORTED", "the operation is unsupported")
    if (strict && headers.authorization !== undefined)
      return reply(
        400,
        { "content-type": "application/xml" },
        Buffer.from("<Error><Code>InvalidArgument</Code></Error>")
      )
    return serveBlob(repositories.blob(reference), reference, range)
  })
  const face: Storage = {
    origin: listener.origin,
    url: (digest: string): string => `${listener.origin}/${digest}?signature=secret`,
    get sawAuthorization() {
      return sawAuthorization
    }
  }
  return { status, listener, face }
}
