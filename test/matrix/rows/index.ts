import type { MatrixRow } from "../MatrixRow.ts"
import { bundlers } from "./bundlers.ts"
import { installers } from "./installers.ts"
import { modules } from "./modules.ts"
import { runners } from "./runners.ts"
import { runtimes } from "./runtimes.ts"

export const rows: ReadonlyArray<MatrixRow> = [...runtimes, ...installers, ...modules, ...runners, ...bundlers]
