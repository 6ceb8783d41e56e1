/** What came of one signature, looked at for one requirement. */
import type { VerifiedSignature } from "../../api/signatures.ts"

export type Outcome =
  | { readonly _tag: "Verified"; readonly signature: VerifiedSignature }
  /** Valid, and made by somebody else. */
  | { readonly _tag: "OtherSigner"; readonly wanted: string; readonly found: string }
  | { readonly _tag: "Rejected"; readonly problem: string }

export const rejected = (problem: string): Outcome => ({ _tag: "Rejected", problem })
