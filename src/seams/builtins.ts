/**
 * Node's modules that few pulls need, loaded when they are needed. An `import` reads every export of such a module, and some exports
 * load more: those of `node:http` load all of Node's own `fetch`, 40 ms.
 */
export const nodeHttp = () => process.getBuiltinModule("node:http")
export const nodeHttps = () => process.getBuiltinModule("node:https")
export const nodeHttp2 = () => process.getBuiltinModule("node:http2")
export const nodeTls = () => process.getBuiltinModule("node:tls")
export const nodeChildProcess = () => process.getBuiltinModule("node:child_process")
