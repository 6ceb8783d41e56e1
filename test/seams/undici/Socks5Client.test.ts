import { once } from "node:events"
import { type AddressInfo, connect, createServer } from "node:net"
import { expect, test } from "vitest"
import { Socks5Client } from "../../../src/seams/undici/Socks5Client.ts"

test("the client authenticates, connects to a name, and leaves the socket to its caller", async () => {
  const received: Array<string> = []
  const replies = [Buffer.from("0502", "hex"), Buffer.from("0100", "hex"), Buffer.from("05000001000000000000", "hex")]
  const server = createServer((socket) =>
    socket.on("data", (bytes) => {
      received.push(bytes.toString("hex"))
      const reply = replies.shift()
      socket.write(reply ?? bytes)
    })
  ).listen(0, "127.0.0.1")
  await once(server, "listening")
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1")
  await once(socket, "connect")
  const client = new Socks5Client(socket, { username: "u", password: "p" })
  const authenticated = once(client, "authenticated")
  const connected = once(client, "connected")
  client.handshake()
  await authenticated
  client.connect("a.example", 443)
  await connected
  const name = Buffer.from("a.example").toString("hex")
  expect(received[0]).toMatch(/^05..(?:..)*02/)
  expect(received.slice(1)).toEqual(["0101750170", `0501000309${name}01bb`])
  socket.write("hello")
  const [echo] = await once(socket, "data")
  expect(String(echo)).toBe("hello")
  socket.destroy()
  server.close()
})
