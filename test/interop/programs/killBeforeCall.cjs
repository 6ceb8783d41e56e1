// Preloaded: the process kills itself before the n-th call that changes something on disk (`DIES_AT`), and says on its
// standard error what that was. Only calls of the event loop's thread count.
const { isMainThread } = require("node:worker_threads")
const files = require("node:fs/promises")
const { syncBuiltinESMExports } = require("node:module")
const { writeSync } = require("node:fs")

const last = Number(process.env["DIES_AT"])
const isWriting = (flags) => typeof flags === "string" && /[wa+]/.test(flags)
let calls = 0
const counted = (name, isMeant = () => true) => {
  const original = files[name]
  files[name] = (...given) => {
    if (isMeant(...given) && ++calls === last) {
      writeSync(2, `${name} ${given[0]}\n`)
      process.kill(process.pid, "SIGKILL")
      return new Promise(() => {})
    }
    return original(...given)
  }
}
if (isMainThread) {
  for (const name of ["mkdir", "rename", "unlink", "rm", "rmdir", "link", "writeFile", "copyFile", "truncate"])
    counted(name)
  counted("open", (_, flags) => isWriting(flags))
  syncBuiltinESMExports()
}
