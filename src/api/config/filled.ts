/** All members are optional, and may be `undefined`. */
export type Some<A> = { readonly [K in keyof A]?: A[K] | undefined }

/** Fills in defaults. An option that is `undefined` counts as not given. */
export const filled = <A extends object>(defaults: A, given: Some<A> | undefined): A => ({
  ...defaults,
  ...Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => value !== undefined))
})
