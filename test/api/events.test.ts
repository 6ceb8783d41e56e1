import { inspect } from "node:util"
import { deserialize, serialize } from "node:v8"
import { expect, test } from "vitest"
import { eventSamples } from "../support/events.ts"

test.each(eventSamples)("%s is a plain value: JSON, a clone and inspect show all of it", (_tag, event) => {
  expect(JSON.parse(JSON.stringify(event))).toEqual(event)
  expect(structuredClone(event)).toEqual(event)
  expect(deserialize(serialize(event))).toEqual(event)
  const shown = inspect(event, { depth: 5 })
  for (const key of Object.keys(event)) expect(shown).toContain(`${key}:`)
})
