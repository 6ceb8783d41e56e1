/** Which requests are not answered: from another page, by another name, without the token. */
import type { ErrorView } from "../progress/PullView.ts"
import type { GuardOptions } from "./ServeOptions.ts"

interface Refusal {
  readonly status: number
  readonly error: ErrorView
}

const loopback = ["localhost", "127.0.0.1", "[::1]"]

/** In a time that does not tell how much of it was right. */
const isSame = (given: string, wanted: string): boolean => {
  const [a, b] = [new TextEncoder().encode(given), new TextEncoder().encode(wanted)]
  let difference = a.length ^ b.length
  for (const [at, byte] of b.entries()) difference |= byte ^ (a[at] ?? 0)
  return difference === 0
}

const withoutPort = (host: string) => host.replace(/:\d+$/, "")

/** What a client wrote, and what a framework made of it. */
const hostsOf = (request: Request): ReadonlyArray<string> => {
  const header = request.headers.get("host")
  const { host } = new URL(request.url)
  return header === null || header === host ? [host] : [host, header]
}

const hostOf = (origin: string) => (URL.canParse(origin) ? new URL(origin).host : "")

const refused = (status: number, message: string, advice: string): Refusal => ({
  status,
  error: { message, advice, isRetryable: false }
})

/** `true` for the server's own pages, and for a program that is not a browser. */
const isOurs = (request: Request, { origins = [] }: GuardOptions): boolean => {
  const origin = request.headers.get("origin")
  const site = request.headers.get("sec-fetch-site")
  if (origin !== null) return origins.includes(origin) || hostsOf(request).includes(hostOf(origin))
  return site === null || site === "same-origin" || site === "none"
}

const refuse = async (request: Request, options: GuardOptions): Promise<Refusal | undefined> => {
  const { hosts = loopback, token, authorize } = options
  if (!hostsOf(request).every((host) => hosts.includes(host) || hosts.includes(withoutPort(host))))
    return refused(403, "this server is not asked by that name", "Add the name to `hosts` if it is this server's.")
  if (!isOurs(request, options))
    return refused(403, "this page may not use the server", "Add its origin to `origins` if it may.")
  if (token !== undefined && !isSame(request.headers.get("authorization") ?? "", `Bearer ${token}`))
    return refused(401, "the token is missing or wrong", "Send it as `Authorization: Bearer …`.")
  if (authorize !== undefined && !(await authorize(request))) return refused(403, "not authorized", "Sign in.")
  return undefined
}

/** For pages of those other origins that are allowed. */
const sharing = (request: Request, { origins = [] }: GuardOptions): Readonly<Record<string, string>> => {
  const origin = request.headers.get("origin")
  if (origin === null || !origins.includes(origin)) return {}
  return {
    "access-control-allow-origin": origin,
    "access-control-allow-headers": "authorization, content-type",
    "access-control-allow-methods": "GET, POST",
    vary: "origin"
  }
}

/** Answers only the requests that the options admit. `fetchHandler` has it; use it for further handlers of the same server. */
export const guard = (
  handler: (request: Request) => Response | Promise<Response>,
  options: GuardOptions = {}
): ((request: Request) => Promise<Response>) => {
  const answer = async (request: Request): Promise<Response> => {
    const isPreflight = request.method === "OPTIONS"
    // A preflight has no credentials.
    const refusal = await refuse(request, isPreflight ? { hosts: options.hosts, origins: options.origins } : options)
    if (refusal !== undefined) return Response.json({ error: refusal.error }, { status: refusal.status })
    return isPreflight ? new Response(null, { status: 204 }) : handler(request)
  }
  return async (request) => {
    const response = await answer(request)
    for (const [name, value] of Object.entries(sharing(request, options))) response.headers.set(name, value)
    return response
  }
}
