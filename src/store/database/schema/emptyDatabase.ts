/**
 * A database of the newest schema without a row, made by `npx tsx .build/emptyDatabase.ts`. To make it anew in each process, step by
 * step, takes a tenth of a second.
 */
import { promisify } from "node:util"
import { brotliDecompress } from "node:zlib"
import * as Effect from "effect/Effect"

const compressed =
  "W/9vAeBR4LYPX+rWpV0w3L40983ENOhdMbdM2j2KWDfgm/z93N70j2l8jVvCm2Y8RAvdNG6IVQ9NKyWJJ0IhWyMnVmL9+r3vdKjNMThiLAq+gjicCbt7dtMen1bL" +
  "renV0Y2PiiLWYH3txsSjEEJgMeYix6rNEOMffRyNy3OH+1uq/v2BJhhkIQAK5hAZY3CoSEouequzpSrYW96zmFsG2n+yYe3vDSlJYWevCF3ri0tQM+sSMu23BeR3" +
  "Tao87nIAkl2pXx9UXRKvsF7rtLZGPY0D1kL94wXbAYlgZyf0DulmNiRWh9oGH+7DjPBmqL0fTY+OiErsqbCK/OvRzeXzrtxcuRb37uweQfzKNfcu8aKctCpguxp6" +
  "QBC1Eu4kgJ8YO69qmb6xtDhTDm+MohZdHKmREhB36hDYdYthbPZIVsQTYKZMAdEdzUBoxjH/VLMt2iy27e7sA5y7FucP7/paWu6bBpZ/YYP0CyBy9gam3BWyrxr3" +
  "6MinfTzud3KUeKedaR7ym9furjKdhk5cTOTS0sNBjcQ4Z6RQZRKc/IAXG9WlfmHeQIlX+mIXdnfjJ4Tsf3iuuInR0LPdvfH0IRD7pcAxHrnmKdJfkipf6lJzIJFo" +
  "TqenSrNppYy043m7QUIwm4VRgyAy5Sn0w5auMwyaMiIj9BPJk0PWxgtsq72NUDn+HcRn/aSgRL7FTLzkMySf3knkEVM1WV/1UWBq9xgS6q1nPMXlyV7MNaROZMEO" +
  "gk49CUexhkRwxyXJFt1qOgA3dumCu8NeYRKdMgRm4kcI/jqy+p1ihpU1fpIJSVd/gBSM/5qMSSkKzel2VWk+K+GyocOTQ+6Om+8qi0UYlM0TO7Z0RiQzyj2Lr85F" +
  "TFjGisaurGglMnVBMpn24jWKeyrhjUbPunOMKTamnSMnCI/dpMhDHjuiqsfdbyb/Ken8Cxt0kpyAK6V9xVkq++79zzZCn9/7AX/xsKX9CIN09bbluSirJXLYm88/" +
  "kLmM6kVXsHYx5wyM1Eq2gxmqFZ4cc5i3FhFteqf4II9aWo+in6ssIYo8XxrI5wMIZvixHjZyLXcJK/vKTwJ5GEqIqkeU1uWW0rY0AfVp9sZIayVbJYyrlTymFO80" +
  "1zh/kkCwtxfMaxohpllCvHWt2dJCudab7dQ3k9H0KLpjTrJHTo8yXghRSp9S75HUDmYGlAkAwnrPYoxTJ/MHi2v358yB4WHudmIGLEQUYMyqtZn21LbXTy8HADdX" +
  "tDMsDLrXddnd3ddfrcC+vol9ZSGWH8mS4c1dFrtrCsrsgdBy5c2t4KJEu8zN+Hf2AMAPjLEQ3PzKPQDwzAP4pHsCsA7AJ90TgG0APu0eAaj/i4QuI1wFNJu/G3j/" +
  "Pt989eHIbwCeosTVhcNhauWglfUeVh5vbXmcS/z8d7JXtahGZa/3535YZu6wMHZ5nHtSNv64qLr7Z8yJy51gpH/2dx9KQGigSB6EzIrkD/vmnfAi2TElF0Lms8yH" +
  "+UnUgf1pKA4CnwwtANFpmfAvZBO+oOfQ3cUp0j56uAjNl0ZXEsRMr2Xcg6h1Opv+DPMSXgs7cfzclwGF/gh7O5caUweBs5oc5X8KXddlejUFYmpGFPO54n6qO5aO" +
  "A/7aj4B3UzahRM2RLlS1/8U7WL2kCw2D88Mgj71pyA4v91cDUzRajwSIWdQQF029NCGAEHPy/jmcz2j4NgI6rQfAElBzpDQSy6wlB2Pdq6d5ukAw7yYpJrCM0H/T" +
  "b4YXxi4mETQoJoAKdAA1IkqCCCkoGeD/LzeAMQgnE0LPsL4MVhSj53GlLn+ZRMPwDLvFFA3A4GrPDLVGLl8TSCLiCxMI/0SE25ByD54Q75fxqWg8ACTea6BR0Zhw" +
  "OnzSPQDYBuCT7hHAPAA="

export const emptyDatabase: Effect.Effect<Uint8Array> = Effect.promise(() =>
  promisify(brotliDecompress)(Buffer.from(compressed, "base64"))
)
