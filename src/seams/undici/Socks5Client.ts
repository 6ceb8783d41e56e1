/** undici's client of SOCKS 5, which its package does not export: the protocol alone, over a socket that it is given. */
export { Socks5Client } from "undici/lib/core/socks5-client.js"
