/**
 * Node's modules that few pulls need, when they are needed. Some ask for others as soon as an `import` lists what they export: of
 * `node:http` that is all of Node's own `fetch`, 40 ms.
 */
export const nodeHttp = () => process.getBuiltinModule("node:http")
export const nodeHttps = () => process.getBuiltinModule("node:https")
export const nodeHttp2 = () => process.getBuiltinModule("node:http2")
export const nodeTls = () => process.getBuiltinModule("node:tls")
export const nodeChildProcess = () => process.getBuiltinModule("node:child_process")
