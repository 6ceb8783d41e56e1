import { expect, test } from "vitest"
import { HostsWithoutRanges } from "../../../src/registry/blob/HostsWithoutRanges.ts"

test("a host that refused a range gets no more, whatever comes of it later", () => {
  const hosts = new HostsWithoutRanges()
  expect(hosts.has("http://a")).toBe(false)
  hosts.add("http://a")
  hosts.somethingCame("http://a")
  expect([hosts.has("http://a"), hosts.has("http://b")]).toEqual([true, false])
})

test("two ranges in a row of which nothing came are one too many", () => {
  const hosts = new HostsWithoutRanges()
  hosts.nothingCame("http://a")
  hosts.somethingCame("http://a")
  hosts.nothingCame("http://a")
  hosts.nothingCame("http://b")
  expect([hosts.has("http://a"), hosts.has("http://b")]).toEqual([false, false])
  hosts.nothingCame("http://a")
  expect([hosts.has("http://a"), hosts.has("http://b")]).toEqual([true, false])
  hosts.somethingCame("http://a")
  expect(hosts.has("http://a")).toBe(false)
})

test("1000 hosts are remembered; with one more, the others are forgotten", () => {
  for (const forget of [
    (hosts: HostsWithoutRanges, origin: string) => hosts.add(origin),
    (hosts: HostsWithoutRanges, origin: string) => {
      hosts.nothingCame(origin)
      hosts.nothingCame(origin)
    }
  ]) {
    const hosts = new HostsWithoutRanges()
    const all = Array.from({ length: 1000 }, (_, at) => `http://host-${at}`)
    for (const origin of all) forget(hosts, origin)
    forget(hosts, "http://host-0")
    expect(all.every((origin) => hosts.has(origin))).toBe(true)
    forget(hosts, "http://another")
    expect(all.some((origin) => hosts.has(origin))).toBe(false)
  }
})
