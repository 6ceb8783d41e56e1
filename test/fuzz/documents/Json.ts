/** JSON as a text that no serializer writes: keys twice, numbers of any form, whatever depth. */
export type Json =
  | { readonly kind: "object"; readonly entries: Array<[key: string, value: Json]> }
  | { readonly kind: "array"; readonly items: Array<Json> }
  /** As it stands. */
  | { readonly kind: "raw"; readonly text: string }

export const raw = (text: string): Json => ({ kind: "raw", text })

export const jsonOf = (value: unknown): Json => {
  if (Array.isArray(value)) return { kind: "array", items: value.map(jsonOf) }
  if (typeof value === "object" && value !== null)
    return { kind: "object", entries: Object.entries(value).map(([key, each]) => [key, jsonOf(each)]) }
  return raw(JSON.stringify(value))
}

export const textOf = (json: Json): string => {
  switch (json.kind) {
    case "raw":
      return json.text
    case "array":
      return `[${json.items.map(textOf).join(",")}]`
    case "object":
      return `{${json.entries.map(([key, value]) => `${JSON.stringify(key)}:${textOf(value)}`).join(",")}}`
  }
}

/** Where a value stands, and how to put another one there. */
export interface Place {
  readonly value: Json
  readonly parent: Json
  readonly index: number
  readonly put: (value: Json) => void
}

export const placesIn = (parent: Json): Array<Place> => {
  if (parent.kind === "raw") return []
  const own: Array<Place> =
    parent.kind === "array"
      ? parent.items.map((value, index) => ({
          value,
          parent,
          index,
          put: (other) => {
            parent.items[index] = other
          }
        }))
      : parent.entries.map((entry, index) => ({
          value: entry[1],
          parent,
          index,
          put: (other) => {
            entry[1] = other
          }
        }))
  return own.flatMap((place) => [place, ...placesIn(place.value)])
}
