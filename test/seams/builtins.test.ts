import childProcess from "node:child_process"
import http from "node:http"
import http2 from "node:http2"
import https from "node:https"
import tls from "node:tls"
import { expect, test } from "vitest"
import { nodeChildProcess, nodeHttp, nodeHttp2, nodeHttps, nodeTls } from "../../src/seams/builtins.ts"

test("they are what an import gives", () => {
  expect(nodeHttp()).toBe(http)
  expect(nodeHttps()).toBe(https)
  expect(nodeHttp2()).toBe(http2)
  expect(nodeTls()).toBe(tls)
  expect(nodeChildProcess()).toBe(childProcess)
})
