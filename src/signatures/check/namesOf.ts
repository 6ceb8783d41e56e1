/** A CommonJS module, imported. A bundler may give all its names as members of the default export alone. */
export const namesOf = <A extends object>(loaded: A): A =>
  "default" in loaded && typeof loaded.default === "object" && loaded.default !== null ? (loaded.default as A) : loaded
