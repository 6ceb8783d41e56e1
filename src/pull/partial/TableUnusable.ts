/** Why a layer's table of contents cannot be used. The layer as a whole may be right: it is downloaded, or read, in place of it. */
import * as Data from "effect/Data"
import { isReason, type Reason } from "../../api/errors.ts"
import { RangesIgnored } from "../../registry/blob/openBlob.ts"
import { emit } from "../events/PullEvents.ts"

export class TableUnusable extends Data.TaggedError("TableUnusable")<{ readonly problem: string }> {}

/** What a table, or bytes that it tells of, can be wrong with. */
const ofTheTable: ReadonlySet<Reason["_tag"]> = new Set<Reason["_tag"]>([
  "CorruptLayer",
  "DigestMismatch",
  "InvalidOption",
  "InvalidResponse",
  "LimitExceeded",
  "SizeMismatch",
  "UnsafeEntry"
])

/** What requests for ranges, and those who read them, fail with. */
export const isRangeFailure = (error: unknown): error is Reason | RangesIgnored =>
  isReason(error) || error instanceof RangesIgnored

export const asUnusable = (failure: Reason | RangesIgnored): Reason | TableUnusable => {
  if (failure instanceof RangesIgnored) return new TableUnusable({ problem: "the host sends no ranges" })
  return ofTheTable.has(failure._tag) ? new TableUnusable({ problem: failure.message }) : failure
}

/** `how`: what is done with the whole layer. */
export const warnUnusable = (digest: string, { problem }: { readonly problem: string }, how: "downloaded" | "read") =>
  emit({ _tag: "Warning", code: "NotPartial", digest, message: `layer ${digest} is ${how} whole: ${problem}` })
