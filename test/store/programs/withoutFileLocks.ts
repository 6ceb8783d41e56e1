/** As on a machine for which neither the file locks' binding nor koffi is built: imported before anything that locks. */
import Module from "node:module"

/** What each `require` calls. */
interface Loading {
  _load: (name: string, ...rest: ReadonlyArray<unknown>) => unknown
}

if (process.argv.includes("sockets")) {
  const loading = Module as unknown as Loading
  const { _load: load } = loading
  loading._load = (name, ...rest) => {
    if (name === "fs-native-extensions" || name === "koffi") throw new Error("not built")
    return load(name, ...rest)
  }
}
