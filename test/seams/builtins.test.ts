import childProcess from "node:child_process"
import http from "node:http"
import https from "node:https"
import tls from "node:tls"
import { expect, test } from "vitest"
import { nodeChildProcess, nodeHttp, nodeHttps, nodeTls } from "../../src/seams/builtins.ts"

test("they are what an import gives", () => {
  expect(nodeHttp()).toBe(http)
  expect(nodeHttps()).toBe(https)
  expect(nodeTls()).toBe(tls)
  expect(nodeChildProcess()).toBe(childProcess)
})
