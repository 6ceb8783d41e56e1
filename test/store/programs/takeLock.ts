/** Takes the lock at a path, says so, and keeps it: `takeLock.ts file|socket PATH [shared]`. */
import { mkdir } from "node:fs/promises"
import { dirname } from "node:path"
import { tryFileLock } from "../../../src/store/locks/fileLock.ts"
import { trySocketLock } from "../../../src/store/locks/socketLock.ts"

const [kind, path = "", shared] = process.argv.slice(2)
await mkdir(dirname(path), { recursive: true })
const held = await (kind === "file" ? tryFileLock : trySocketLock)(path, shared === "shared")
process.stdout.write(held === undefined ? "refused\n" : held === "unsupported" ? "unsupported\n" : "held\n")
setInterval(() => {}, 1000)
