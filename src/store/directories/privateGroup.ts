/** Whether a group has one user only, like those that systems create for each user (with a umask of 002). */
import { readFile } from "node:fs/promises"

/** `name:password:number:…` of each line. */
const lines = async (path: string) =>
  (await readFile(path, "utf8").catch(() => "")).split("\n").map((line) => line.split(":"))

/** `false` if unknown: these files do not list the groups of a directory service. */
export const isPrivateGroup = async (gid: number, uid: number): Promise<boolean> => {
  if (process.platform !== "linux") return false
  const [groups, users] = await Promise.all([lines("/etc/group"), lines("/etc/passwd")])
  const group = groups.find(([, , id]) => id === String(gid))
  if (group === undefined) return false
  const others = users.filter(([name, , id]) => name !== "" && id !== String(uid))
  const isOther = (name: string) => others.some(([other]) => other === name)
  const members = (group[3] ?? "").split(",")
  return !members.some(isOther) && !others.some(([, , , primary]) => primary === String(gid))
}
