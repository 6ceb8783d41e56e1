/**
 * Packages with native code. No bundler can take them along, so they are found as the program runs: from this file, else
 * from the program's own. Bundlers do not see these calls.
 */
import { createRequire } from "node:module"

/** In a bundle of CommonJS. */
declare const __filename: string | undefined

const isMissing = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "code" in error && error.code === "MODULE_NOT_FOUND"

const from = (place: string | undefined, name: string): unknown => {
  if (place === undefined) throw Object.assign(new Error(`Cannot find package '${name}'`), { code: "MODULE_NOT_FOUND" })
  return createRequire(place)(name)
}

/** Throws what Node throws where there is no such package, or its binary cannot be loaded. */
export const requireNative = (name: string): unknown => {
  const here: string | undefined = import.meta.url ?? (typeof __filename === "string" ? __filename : undefined)
  try {
    return from(here, name)
  } catch (error) {
    if (!isMissing(error)) throw error
    return from(process.argv[1], name)
  }
}
