/** A reporter: the files that take the most CPU, and the tests that last longest. */
import type { Reporter, TestCase, TestModule } from "vitest/node"

const shown = 30

interface Row {
  readonly seconds: number
  readonly text: string
}

const print = (title: string, rows: ReadonlyArray<Row>): void => {
  const total = rows.reduce((sum, { seconds }) => sum + seconds, 0)
  console.log(`\n${title}: ${total.toFixed(0)} s in all`)
  for (const { seconds, text } of rows.toSorted((a, b) => b.seconds - a.seconds).slice(0, shown))
    console.log(`${seconds.toFixed(1).padStart(7)}  ${text}`)
}

const fileRow = (module: TestModule): Row => {
  const { cpu = 0, childrenCpu = 0 } = module.meta() as { readonly cpu?: number; readonly childrenCpu?: number }
  const of = childrenCpu < 0.1 ? "" : `, ${childrenCpu.toFixed(1)} of it in processes that it starts`
  return { seconds: cpu + childrenCpu, text: `${module.relativeModuleId}${of}` }
}

const testRow = (test: TestCase): Row => ({
  seconds: (test.diagnostic()?.duration ?? 0) / 1000,
  text: `${test.module.relativeModuleId}: ${test.fullName}`
})

export default class implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>) {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    print("Test files, in seconds of CPU", modules.map(fileRow))
    print("Tests, in seconds from start to end", tests.map(testRow))
  }
}
