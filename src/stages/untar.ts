import type { OperatorFunction } from "rxjs"
import type { Warning } from "../api/events.ts"
import { type Part, untar as untarLayer } from "../layer/tar/untar.ts"
import { filledOptions, type StageOptions } from "./StageOptions.ts"

export interface UntarOptions extends StageOptions {
  /** Called with what is odd, but no error: an entry of an unknown type. Default: nobody. */
  readonly warn?: ((warning: Warning) => void) | undefined
}

/**
 * An archive's bytes → its entries, as a pull reads them: ustar, PAX, GNU, old and new sparse files.
 *
 *     bytes    ─A─────────B─────C──────────|
 *     untar()  ─E·E·E·Begin─Data─Data·End·E─|
 *
 * `Entry` has the whole body, or none; a body that does not come in one piece is `Begin`, some `Data`, `End`. Bodies are views that
 * are valid during the call of `next`: copy what is kept. Names are bytes as binary (latin1) strings. A broken or cut archive is
 * `CorruptLayer`, at the end; what passes a limit is `LimitExceeded`, at once. Costs some microseconds an entry; holds one header block
 * and the records of one entry.
 */
export const untar = ({ warn = () => {}, ...options }: UntarOptions = {}): OperatorFunction<Uint8Array, Part> =>
  untarLayer({ ...filledOptions(options), warn })
