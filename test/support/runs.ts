/** How many cases a property is tried with: what `npm test` has time for, `TIMES` as many where it is set. */
export const times = Number(process.env["TIMES"] ?? 1)
// With none, every property holds.
if (!Number.isInteger(times) || times < 1) throw new Error("TIMES is not a whole number of at least 1")

export const runs = (usual: number): number => usual * times
