/** Where a registry's API is, and how it is spoken to. A registry has its own endpoint, and one for each mirror. */
import type * as Redacted from "effect/Redacted"
import { dockerHub } from "../../image/reference/registryName.ts"
import { hostOf, placeOfHost } from "./Address.ts"
import type { Tls } from "./Tls.ts"

/** Values all through, so that two endpoints are compared by what they say. */
export interface Endpoint {
  /** The name in references, and in the table of credentials; a mirror's own. */
  readonly registry: string
  /** Scheme, host and port. */
  readonly origin: string
  /** Plain HTTP was asked for, so what the registry points to may be plain as well. */
  readonly plainHttp: boolean
  /** The path of the API. Default `/v2`. */
  readonly root?: string
  readonly tls?: Tls
  /** Sent with each request to the origin, and with none that left it. */
  readonly headers?: Readonly<Record<string, Redacted.Redacted<string>>>
  /** Of a mirror: the registry whose images are wanted, told to it as `ns`, as containerd tells it. */
  readonly namespace?: string
}

/** Docker Hub's API does not live under its name. */
const dockerHubApi = "registry-1.docker.io"

/** Plain HTTP goes to this very machine, and elsewhere only where the option asks for it. */
export const endpointOf = (registry: string, plainHttp: boolean, secured = false): Endpoint => {
  const authority = registry === dockerHub ? dockerHubApi : registry
  const plain = plainHttp || (!secured && placeOfHost(hostOf(new URL(`http://${authority}`))) === "loopback")
  return { registry, origin: new URL(`${plain ? "http" : "https"}://${authority}`).origin, plainHttp }
}

/** `path` below the API's root. */
export const addressOf = ({ origin, root = "/v2", namespace }: Endpoint, path = ""): URL => {
  const url = new URL(`${root}/${path}`, origin)
  if (namespace !== undefined) url.searchParams.set("ns", namespace)
  return url
}
