import { defaultLimits, filled, type Limits, type Some } from "../api/config.ts"

export interface StageOptions {
  /** What the bytes are called in errors and warnings: the blob's digest. Default: `(bytes)`. */
  readonly digest?: string | undefined
  /** Bounds on what the bytes may demand. Default: `defaultLimits`. */
  readonly limits?: Some<Limits> | undefined
}

export const filledOptions = ({ digest = "(bytes)", limits }: StageOptions) => ({
  digest,
  limits: filled(defaultLimits, limits)
})
