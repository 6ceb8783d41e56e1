/** Which of the programs that run Node's API this is. What one of them does in its own way is in this folder. */
const { versions } = process

export const runtime: "node" | "bun" | "deno" = "bun" in versions ? "bun" : "deno" in versions ? "deno" : "node"
