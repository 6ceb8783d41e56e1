import { expect, test } from "vitest"
import { formatBytes, formatDuration, formatSpeed } from "../../src/progress/index.ts"

test.for([
  [0, "0 B"],
  [1023, "1023 B"],
  [1536, "1.50 KiB"],
  [12.03 * 2 ** 20, "12.03 MiB"],
  [2 ** 60, "1024.00 PiB"]
] as const)("%d bytes are %s", ([bytes, text]) => expect(formatBytes(bytes)).toBe(text))

test.for([
  [-1, "0.0 s"],
  [440, "0.4 s"],
  [9940, "9.9 s"],
  [9960, "10 s"],
  [59_400, "59 s"],
  [59_600, "1 min 00 s"],
  [185_000, "3 min 05 s"],
  [7_620_000, "2 h 07 min"],
  [273_600_000, "3 d 04 h"]
] as const)("%d ms are %s", ([millis, text]) => expect(formatDuration(millis)).toBe(text))

test("a speed is bytes a second", () => expect(formatSpeed(1_572_864.4)).toBe("1.50 MiB/s"))
