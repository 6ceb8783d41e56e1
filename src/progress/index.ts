/** `ociflow/progress`: what a user interface shows of a pull. Needs RxJS and nothing of Node, so a browser can import it. */
export { formatBytes, formatDuration, formatSpeed } from "./format.ts"
export type { ErrorView, LayerPhase, LayerView, PullView, RetryView } from "./PullView.ts"
export { type ProgressOptions, progress } from "./progress.ts"
