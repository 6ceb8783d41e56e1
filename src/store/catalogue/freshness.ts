/** Milliseconds. `last_used_at` is renewed when it is older, so that repeated use does not rewrite the file. */
export const freshness = 60_000
