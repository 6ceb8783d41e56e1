/** Of properties that give no number. */
import fc from "fast-check"
import { runs } from "./runs.ts"

fc.configureGlobal({ ...fc.readConfigureGlobal(), numRuns: runs(100) })
