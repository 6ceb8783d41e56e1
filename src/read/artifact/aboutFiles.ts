import { CorruptLayer, LimitExceeded, type Reason, UnsafeEntry, UnsupportedMediaType } from "../../api/errors.ts"

const ofFile = (subject: string) =>
  subject.replace(/^layer ([^,]*)(, entry)?/, (_, digest, entry) => {
    return `file ${digest}${entry === undefined ? "" : ", path"}`
  })

/** Changes an error about a layer, from its reader or writer, into one about a file of an artifact. */
export const aboutFiles = (reason: Reason): Reason => {
  switch (reason._tag) {
    case "CorruptLayer": {
      const { digest, stage, problem } = reason
      return new CorruptLayer({ digest, stage, problem, subject: "file" })
    }
    case "UnsafeEntry": {
      const { digest, path, problem } = reason
      return new UnsafeEntry({ digest, path, problem, subject: "file" })
    }
    case "LimitExceeded": {
      const { limit, maximum, unit, subject } = reason
      return new LimitExceeded({ limit, maximum, unit, subject: ofFile(subject) })
    }
    case "UnsupportedMediaType": {
      const { mediaType, subject } = reason
      return new UnsupportedMediaType({ mediaType, subject: ofFile(subject) })
    }
    default:
      return reason
  }
}
