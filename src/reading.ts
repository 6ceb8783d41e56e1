/** What reads images beyond a pull into layers: loaded by a client with the first call that needs it, since it is as large as the rest. */
export { bundleOf } from "./bundle/bundleOf.ts"
export { exportOf } from "./export/exportOf.ts"
export { readArtifact } from "./read/artifact/readArtifact.ts"
export { entriesOf } from "./read/entries/entriesOf.ts"
export { makeBuildErofs } from "./read/tree/buildErofs.ts"
export { makeBuildPart } from "./read/tree/buildPart.ts"
export { listOf, readFileOf } from "./read/tree/readPath.ts"
export { treeOf } from "./read/tree/treeOf.ts"
