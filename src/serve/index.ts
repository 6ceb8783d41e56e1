/** `ociflow/serve`: `oci.pulls` for other programs and for pages, by HTTP or by a `MessagePort`. `ociflow/remote` is the other side. */
export { fetchHandler } from "./fetchHandler.ts"
export { guard } from "./guard.ts"
export { nodeListener } from "./nodeListener.ts"
export {
  defaultServeLimits,
  type FetchOptions,
  type GuardOptions,
  type ServeLimits,
  type ServeOptions
} from "./ServeOptions.ts"
export { type Port, servePort } from "./servePort.ts"
