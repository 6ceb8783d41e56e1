/**
 * `ociflow/remote`: the pulls of another program, which offers them by `ociflow/serve`. Needs RxJS and nothing of Node, so a
 * browser can import it.
 */
export type { PullState, StartOptions, TrackedPull } from "../pulls/Pulls.ts"
export { type Carrier, RefusedError } from "./Carrier.ts"
export { type FetchCarrierOptions, overFetch } from "./overFetch.ts"
export { type ClientPort, overPort } from "./overPort.ts"
export { type RemotePulls, remotePulls } from "./remotePulls.ts"
