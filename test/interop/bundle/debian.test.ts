/** A bundle of Debian is started by crun and by runc, as root and as an ordinary user. */
import { describe, expect, onTestFinished, test } from "vitest"
import { startDockerRegistry } from "../support/dockerRegistry.ts"
import { asNobody, isRoot, runtimes, scene } from "./scene.ts"

/** Any user can read it from a registry. */
const debian = async () => {
  const registry = await startDockerRegistry({ images: ["debian"] })
  onTestFinished(() => registry[Symbol.asyncDispose]())
  return `${registry.host}/debian:latest`
}

describe.runIf(isRoot)("a bundle", () => {
  test("of Debian runs its programs, as root and as an ordinary user", { timeout: 900_000 }, async () => {
    const { bundle, start } = await scene(debian)
    const script = ". /etc/os-release; echo $ID; perl -e 'print 6*7'; exec id -u"
    for (const prefix of [[], asNobody]) {
      const name = prefix.length === 0 ? "root" : "rootless"
      // Each has a store of its own.
      const store = ["--root", `${name}-store`]
      await bundle(prefix, name, ...store, "--", "/bin/true")
      await bundle(prefix, `${name}-told`, ...store, "--", "/bin/sh", "-c", script)
      for (const runtime of runtimes) {
        expect(await start(prefix, runtime, name), `${runtime}, ${name}`).toBe("")
        expect(await start(prefix, runtime, `${name}-told`), `${runtime}, ${name}`).toBe("debian\n420\n")
      }
    }
  })
})
