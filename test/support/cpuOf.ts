/** Milliseconds of CPU that the work takes in this process: a busy machine makes it no more. */
export const cpuOf = (work: () => unknown): number => {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}
