/** Whether a group is one user's alone, as systems make one for each user (then the umask is 002). */
import { readFile } from "node:fs/promises"

/** `name:password:number:…` of each line. */
const lines = async (path: string) =>
  (await readFile(path, "utf8").catch(() => "")).split("\n").map((line) => line.split(":"))

/** `false` where it is not known: these files know no groups of a directory service. */
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
