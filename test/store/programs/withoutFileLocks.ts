/** As on a machine for which the file locks' binding is not built: imported before anything that locks. */
import { register } from "node:module"

const hooks = `export const resolve = (name, context, next) => {
  if (name === "fs-native-extensions") throw new Error("not built")
  return next(name, context)
}`

if (process.argv.includes("sockets")) register(`data:text/javascript,${encodeURIComponent(hooks)}`)
