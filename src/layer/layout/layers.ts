import type { Layout } from "./Layout.ts"

/** A directory for each layer, as its archive has it: for a program that stacks them itself. */
export const layers: Layout<unknown> = {
  description: "a directory for each layer (default)",
  isMerged: false,
  variant: () => []
}
