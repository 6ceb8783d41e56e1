/** Test files share a process: what one sent as a password is an ordinary word in the next. */
import { beforeAll } from "vitest"
import { forgetSecrets } from "../../src/api/secrets.ts"

beforeAll(forgetSecrets)
