/** PAX records as bytes (POSIX pax, "pax Extended Header"): `length keyword=value\n`, where the length counts itself. */

const recordOf = (keyword: string, value: Uint8Array): Buffer => {
  const rest = keyword.length + value.length + 3
  let length = rest + 1
  while (String(length).length + rest !== length) length = rest + String(length).length
  return Buffer.concat([Buffer.from(`${length} ${keyword}=`, "latin1"), value, Buffer.from("\n")])
}

/** Keywords are binary strings. The records are sorted, so that the same ones give the same bytes. */
export const paxRecords = (records: ReadonlyMap<string, Uint8Array>): Buffer =>
  Buffer.concat([...records].sort(([a], [b]) => (a < b ? -1 : 1)).map(([keyword, value]) => recordOf(keyword, value)))
