/** Serves the page, the pulls and the store to browsers on this machine. */
import { readFile } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { open, PullError } from "ociflow"
import { fetchHandler, guard, nodeListener } from "ociflow/serve"

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const html = { "content-type": "text/html; charset=utf-8", "content-security-policy": "default-src 'self'" }

/** The page's module, with RxJS and nothing of Node. */
export const bundle = async (): Promise<Uint8Array> => {
  const { outputFiles } = await build({
    entryPoints: [here("page.ts")],
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    write: false,
    logLevel: "error"
  })
  return outputFiles[0]?.contents ?? new Uint8Array()
}

export interface ServerOptions {
  readonly root: string
  readonly port?: number
  /** Offered in the page. */
  readonly names: ReadonlyArray<string>
  readonly many: ReadonlyArray<string>
}

export const startServer = async ({ root, port = 0, names, many }: ServerOptions) => {
  const oci = await open({ root, concurrency: 6, timeouts: { minimumRate: 0 } })
  const script = await bundle()
  const pulls = fetchHandler(oci.pulls, { allow: ["localhost:*", "127.0.0.1:*"], limits: { running: 60 } })

  /** What a page may ask of the store. `policy: "never"`: it is read, and nothing is downloaded. */
  const store: Readonly<Record<string, (asked: URLSearchParams) => Promise<unknown>>> = {
    offer: async () => ({ names, many }),
    images: () => oci.images(),
    remove: (asked) => oci.remove(asked.get("reference") ?? ""),
    list: (asked) => oci.list(asked.get("reference") ?? "", asked.get("path") ?? "/", { policy: "never" }),
    read: async (asked) => ({
      text: await oci.readFile(asked.get("reference") ?? "", asked.get("path") ?? "", {
        policy: "never",
        encoding: "utf8"
      })
    })
  }
  /** 64-bit times are no JSON. */
  const json = (value: unknown, status = 200) =>
    new Response(
      JSON.stringify(value, (_, it) => (typeof it === "bigint" ? Number(it) : it)),
      { status, headers: { "content-type": "application/json" } }
    )
  const ask = guard(async (request) => {
    const { pathname, searchParams } = new URL(request.url)
    const answer = store[pathname.slice("/store/".length)]
    if (answer === undefined) return new Response(null, { status: 404 })
    if (request.method !== "POST") return new Response(null, { status: 405 })
    try {
      return json(await answer(searchParams))
    } catch (error) {
      if (!(error instanceof PullError)) throw error
      return json({ error }, 422)
    }
  })
  const page = guard(async (request) => {
    const { pathname } = new URL(request.url)
    if (pathname === "/") return new Response(await readFile(here("index.html")), { headers: html })
    if (pathname === "/page.css")
      return new Response(await readFile(here("page.css")), { headers: { "content-type": "text/css" } })
    if (pathname === "/page.js")
      return new Response(script as BodyInit, { headers: { "content-type": "text/javascript" } })
    return new Response(null, { status: 404 })
  })
  const server = createServer(
    nodeListener((request) => {
      const { pathname } = new URL(request.url)
      if (pathname === "/pulls") return pulls(request)
      return pathname.startsWith("/store/") ? ask(request) : page(request)
    })
  )
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve))
  return {
    oci,
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await oci.close()
    }
  }
}
