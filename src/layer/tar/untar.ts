/** Archive bytes → entries, through tar-stream. */
import type { OperatorFunction } from "rxjs"
import { transduce } from "../../reactive/transduce.ts"
import { deferCorruption } from "../corruption.ts"
import { ArchiveReader, type Part, type ReaderOptions } from "./ArchiveReader.ts"

export type { Part } from "./ArchiveReader.ts"

export const untar = (options: ReaderOptions): OperatorFunction<Uint8Array, Part> =>
  transduce(() => deferCorruption(new ArchiveReader(options)))
