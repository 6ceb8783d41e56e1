/**
 * What hosts.toml of a fleet leads to, as their sources have it: Spegel (spegel-org/spegel, pkg/registry, pkg/oci: August 2026)
 * and Dragonfly's client (dragonflyoss/client, dragonfly-client/src/proxy: August 2026).
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Readable } from "node:stream"

export interface Peer extends AsyncDisposable {
  readonly origin: string
  readonly host: string
  readonly requests: ReadonlyArray<{ readonly method: string; readonly url: string; readonly status: number }>
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<unknown>

const listen = (handler: Handler): Promise<Peer> => {
  const requests: Array<Peer["requests"][number]> = []
  const server = createServer((request, response) => {
    response.on("close", () =>
      requests.push({ method: request.method ?? "", url: request.url ?? "", status: response.statusCode })
    )
    handler(request, response).catch(() => response.destroy())
  })
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
      resolve({
        host,
        origin: `http://${host}`,
        requests,
        async [Symbol.asyncDispose]() {
          server.closeAllConnections()
          await new Promise((closed) => server.close(closed))
        }
      })
    })
  })
}

/** What peers of a cluster have: by digest, and the tags of each registry. */
export interface PeerContent {
  readonly blobs: Map<string, { readonly mediaType: string; readonly bytes: Buffer }>
  /** `registry/repository:tag` to a digest. */
  readonly tags: Map<string, string>
}

export interface SpegelOptions {
  readonly userinfo?: { readonly username: string; readonly password: string }
  /** A body ends after this many bytes: the last peer that had it left the cluster. */
  readonly breaksAfter?: number
}

const partOf = (header: string | undefined, size: number) => {
  const [, start = "", end = ""] = /^bytes=(\d*)-(\d*)$/.exec(header ?? "") ?? []
  if (header === undefined) return undefined
  if (start === "") return { from: Math.max(0, size - Number(end)), to: size - 1 }
  return { from: Number(start), to: Math.min(end === "" ? size - 1 : Number(end), size - 1) }
}

/** registry.go: answers from the peers' content; what nobody has is a 404 in the distribution spec's form. */
export const startSpegel = ({ blobs, tags }: PeerContent, { userinfo, breaksAfter }: SpegelOptions = {}) =>
  listen(async (request, response) => {
    const fail = (status: number, code?: string, message?: string) => {
      const body = code === undefined ? "" : JSON.stringify({ errors: [{ code, detail: { attempts: 0 }, message }] })
      response.writeHead(status, {
        ...(body === "" ? {} : { "content-type": "application/json" }),
        "content-length": body.length
      })
      response.end(request.method === "HEAD" ? "" : body)
    }
    const url = new URL(request.url ?? "", "http://spegel")
    if (userinfo !== undefined) {
      const wanted = `Basic ${Buffer.from(`${userinfo.username}:${userinfo.password}`).toString("base64")}`
      // No challenge goes with it.
      if (request.headers.authorization !== wanted) return fail(401, "UNAUTHORIZED", "invalid credentials")
    }
    if (/^\/v2\/?$/.test(url.pathname)) return response.writeHead(200).end()
    const [, repository = "", kind, name = ""] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(url.pathname) ?? []
    const namespace = url.searchParams.get("ns") ?? ""
    if (kind === undefined) return fail(404)
    const isTag = !name.includes(":")
    // "registry parameter needs to be set for tag references"
    if (isTag && (namespace === "" || kind === "blobs")) return fail(404)
    const digest = isTag ? tags.get(`${namespace}/${repository}:${name}`) : name
    const found = blobs.get(digest ?? "")
    if (digest === undefined || found === undefined)
      return fail(404, kind === "blobs" ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN", `could not find peer for ${name}`)
    const headers = { "docker-content-digest": digest, "oci-namespace": namespace }
    const part = kind === "blobs" ? partOf(request.headers.range, found.bytes.length) : undefined
    const body = part === undefined ? found.bytes : found.bytes.subarray(part.from, part.to + 1)
    response.writeHead(part === undefined ? 200 : 206, {
      ...headers,
      "content-type": part === undefined ? found.mediaType : "application/octet-stream",
      "content-length": body.length,
      ...(kind === "blobs" ? { "accept-ranges": "bytes" } : {}),
      ...(part === undefined ? {} : { "content-range": `bytes ${part.from}-${part.to}/${found.bytes.length}` })
    })
    if (request.method === "HEAD") return response.end()
    if (kind === "manifests" || breaksAfter === undefined || part !== undefined) return response.end(body)
    response.write(body.subarray(0, breaksAfter), () => response.destroy())
  })

export interface DragonflyOptions {
  /** `proxy.registry_mirror.addr`: for requests that name no registry. */
  readonly address: string
  /** Requests that are answered before the limit of the proxy: 429 with an empty body. */
  readonly most?: number
  /** `basic_auth` of the proxy. */
  readonly isLocked?: boolean
  readonly registries: Readonly<Record<string, string>>
}

/**
 * proxy/mod.rs: a request goes to the registry that `X-Dragonfly-Registry` names, else `ns`, else the configured one, with all its
 * headers; errors of its own are empty, with `X-Dragonfly-Error-Type`.
 */
export const startDragonfly = ({
  address,
  most = Number.POSITIVE_INFINITY,
  isLocked,
  registries
}: DragonflyOptions) => {
  let answered = 0
  return listen(async (request, response) => {
    const fail = (status: number, type: "backend" | "proxy" | "dfdaemon") =>
      response.writeHead(status, { "x-dragonfly-error-type": type }).end()
    if (++answered > most) return fail(429, "proxy")
    if (isLocked === true) return fail(401, "proxy")
    const url = new URL(request.url ?? "", "http://dragonfly")
    const named = request.headers["x-dragonfly-registry"]
    const ns = url.searchParams.get("ns")
    const upstream = typeof named === "string" ? named : ns === null ? address : (registries[ns] ?? `https://${ns}`)
    const { host: _, connection: __, ...headers } = request.headers
    const answer = await fetch(`${upstream}${request.url}`, {
      method: request.method ?? "GET",
      headers: Object.entries(headers).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, String(value)] as [string, string]]
      ),
      redirect: "follow"
    }).catch(() => undefined)
    if (answer === undefined) return fail(500, "dfdaemon")
    if (!answer.ok && url.pathname.includes("/blobs/")) {
      const challenge = answer.headers.get("www-authenticate")
      if (challenge !== null) response.setHeader("www-authenticate", challenge)
      return fail(answer.status, "backend")
    }
    const kept = [...answer.headers].filter(([name]) => !/^(connection|keep-alive|transfer-encoding)$/.test(name))
    response.writeHead(answer.status, {
      ...Object.fromEntries(kept),
      "x-dragonfly-task-id": "f00d",
      "x-dragonfly-server-ip": "127.0.0.1"
    })
    if (answer.body === null || request.method === "HEAD") return response.end()
    return Readable.fromWeb(answer.body as never).pipe(response)
  })
}
