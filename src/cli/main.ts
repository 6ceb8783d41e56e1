#!/usr/bin/env node
/**
 * What is opened first. It imports nothing at once: where a program may open so few files that its modules cannot be loaded,
 * Node would end it with a stack.
 */
const isScarce = (error: unknown): error is { readonly code: string; readonly message: string } =>
  typeof error === "object" && error !== null && "code" in error && (error.code === "EMFILE" || error.code === "ENFILE")

try {
  await import("./program.ts")
} catch (error) {
  if (!isScarce(error)) throw error
  process.stderr.write(`ociflow: ${error.message}\n  Too many open files: raise the limit (ulimit -n).\n`)
  process.exitCode = 1
}
