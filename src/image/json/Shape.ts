/**
 * What a value from outside has to look like, and what is made of it: as much of `effect/Schema` as documents and rows need, by its
 * names. Schema is 75 modules, which take a program 0.1 s to load; it stays what `ociflow/schema` hands out.
 */
export * from "./shape/containers.ts"
export { decode, type Form, Mismatch, orUndefined, type Shape } from "./shape/reading.ts"
export * from "./shape/values.ts"
