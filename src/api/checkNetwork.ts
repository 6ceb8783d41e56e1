/** Refuses what cannot be used of the options that say how hosts are reached. No value is shown: it may be a secret. */
import { isIP } from "node:net"
import { isRedacted } from "effect/Redacted"
import type { HostOptions, MirrorOptions, ProxyOptions, PullerOptions } from "./config.ts"
import { InvalidOption } from "./errors.ts"
import { printable } from "./printable.ts"

type Check = (option: string, value: unknown) => ReadonlyArray<InvalidOption>

const isText = (value: unknown): value is string => typeof value === "string"
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const that =
  (holds: (value: unknown) => boolean, problem: string): Check =>
  (option, value) =>
    holds(value) ? [] : [new InvalidOption({ option, problem })]

const listOf =
  (each: Check, what: string): Check =>
  (option, value) =>
    Array.isArray(value)
      ? value.flatMap((it, at) => each(`${option}[${at}]`, it))
      : [new InvalidOption({ option, problem: `is no list of ${what}` })]

const oneOrMore =
  (each: Check, what: string): Check =>
  (option, value) =>
    Array.isArray(value) ? listOf(each, what)(option, value) : each(option, value)

/** Each by a key of the user's own. */
const tableOf =
  (each: Check, what: string): Check =>
  (option, value) =>
    isObject(value)
      ? Object.entries(value).flatMap(([key, it]) =>
          it === undefined ? [] : each(`${option}[${JSON.stringify(printable(key, 100))}]`, it)
        )
      : [new InvalidOption({ option, problem: `is no table by ${what}` })]

/** An object of known keys; those of `needed` must be there. */
const objectOf =
  (known: Readonly<Record<string, Check>>, ...needed: ReadonlyArray<string>): Check =>
  (option, value) => {
    const names = Object.keys(known).join(", ")
    if (!isObject(value)) return [new InvalidOption({ option, problem: `is no object of ${names}` })]
    const absent = needed.filter((key) => value[key] === undefined)
    const given = Object.entries(value).filter(([, it]) => it !== undefined)
    return [
      ...absent.map((key) => new InvalidOption({ option: `${option}.${key}`, problem: "is missing" })),
      ...given.flatMap(([key, it]) => {
        const named = `${option}.${printable(key, 40)}`
        const check = Object.hasOwn(known, key) ? known[key] : undefined
        return check?.(named, it) ?? [new InvalidOption({ option: named, problem: `is none of ${names}` })]
      })
    ]
  }

const boolean = that((value) => typeof value === "boolean", "is neither true nor false")
const path = that((value) => isText(value) && value !== "" && !value.includes("\0"), "is no path")
const secret = that((value) => isText(value) || isRedacted(value), "is no text")

/** `registry.example.com`, `.example.com`, `10.0.0.7`, `10.0.0.0/8`, with a port or without: what else is given never matches. */
const isHostPattern = (value: unknown): boolean => {
  if (!isText(value)) return false
  const text = value.trim()
  const [, address = "", prefix] = /^(.*)\/([0-9]{1,3})$/.exec(text) ?? []
  if (prefix !== undefined) return isIP(address) !== 0 && Number(prefix) <= (isIP(address) === 4 ? 32 : 128)
  const [, bracketed, port] = /^(?:\[(.*)\]|\.?[a-z0-9_][a-z0-9_.-]*)(?::([0-9]{1,5}))?$/i.exec(text) ?? ["", "", "-"]
  if (isIP(text) === 6) return true
  return port !== "-" && (bracketed === undefined || isIP(bracketed) === 6) && Number(port ?? 0) <= 65_535
}

const tls = {
  ca: oneOrMore(path, "paths"),
  client: oneOrMore(objectOf({ cert: path, key: path }, "cert"), "certificates"),
  insecure: boolean
}
const headers = tableOf(secret, "name")

const capability = that((value) => isText(value) && /^(?:pull|resolve|push)$/i.test(value), "is none of pull, resolve")
const mirror: Record<keyof MirrorOptions, Check> = {
  ...tls,
  url: that(isText, "is no text"),
  capabilities: listOf(capability, "pull, resolve"),
  headers,
  overridePath: boolean
}

const host: Record<keyof HostOptions, Check> = {
  ...tls,
  plainHttp: boolean,
  headers,
  trustedHosts: listOf(that(isHostPattern, "is no host, domain (.example.com), address or network"), "hosts"),
  mirrors: listOf((option, value) => (isText(value) ? [] : objectOf(mirror, "url")(option, value)), "mirrors")
}

const proxy: Record<keyof ProxyOptions, Check> = { url: secret, noProxy: that(isText, "is no text") }

const network: Readonly<Record<keyof Pick<PullerOptions, "plainHttp" | "hosts" | "hostsDirs" | "proxy">, Check>> = {
  plainHttp: boolean,
  hosts: tableOf(objectOf(host), "host"),
  hostsDirs: listOf(path, "paths"),
  proxy: (option, value) => (value === false ? [] : objectOf(proxy, "url")(option, value))
}

/** The options `plainHttp`, `hosts`, `hostsDirs` and `proxy`. */
export const checkNetwork = (options: PullerOptions): ReadonlyArray<InvalidOption> =>
  Object.entries(network).flatMap(([option, check]) => {
    const value: unknown = Reflect.get(options, option)
    return value === undefined ? [] : check(option, value)
  })
