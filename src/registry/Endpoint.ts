/** Where a registry's API is. A registry has one endpoint; mirrors will be further ones, asked in order. */
import { dockerHub } from "../reference/registryName.ts"
import { hostOf, placeOfHost } from "./Address.ts"

export interface Endpoint {
  /** The name in references, and in the table of credentials. */
  readonly registry: string
  /** Scheme, host and port. Plain text, so that two endpoints are compared by value. */
  readonly origin: string
  /** Plain HTTP was asked for, so what the registry points to may be plain as well. */
  readonly plainHttp: boolean
}

/** Docker Hub's API does not live under its name. */
const dockerHubApi = "registry-1.docker.io"

/** Plain HTTP goes to this very machine, and elsewhere only where the option asks for it. */
export const endpointOf = (registry: string, plainHttp: boolean): Endpoint => {
  const authority = registry === dockerHub ? dockerHubApi : registry
  const plain = plainHttp || placeOfHost(hostOf(new URL(`http://${authority}`))) === "loopback"
  return { registry, origin: new URL(`${plain ? "http" : "https"}://${authority}`).origin, plainHttp }
}

/** `path` below the API's root, `/v2/`. */
export const addressOf = ({ origin }: Endpoint, path = ""): URL => new URL(`/v2/${path}`, origin)
