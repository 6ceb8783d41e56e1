/**
 * A database of the newest schema without a row, made by `npx tsx .build/emptyDatabase.ts`. To make it anew in each process, step by
 * step, takes a tenth of a second.
 */
import { promisify } from "node:util"
import { brotliDecompress } from "node:zlib"
import * as Effect from "effect/Effect"

const compressed =
  "W/9vAeCiwG4mDqiZOg/irq+aeeIWcbXkxDQvwPrmlpN2UMQ6VHRuB8c4U6E0DdGQsjVa9XnOtUr+tsCJF+DebCBRV7hokiu954UnfnxWFQSaEyuxfv/Ld75WlxNH" +
  "MLJUBXE4E2bmztCWT6tl39uS3hylSYT9CoVEGrA+6ZJiRDwKoVxXkU3ELr5OYO2g+z3n4unxnna+P9DHjEICKMQSEQAgAPIY2Gx5T/wS9moH7mwN1v8/cMn6y6bP" +
  "i7dk736ZJ4+2xwEHKB+YTQ6HAgn+Xm/evdSOYsHiunV+ascmnmGshoezxZtm59Hbi/0XJpsNmQX4tpsjIBEzHJy+7aNkhQwi0nK1hlWYYE/srl/3NeYqbPHAweEZ" +
  "HrA8sHcxjyp2iwIZXc9XCM9WAqkEWBVjTVfN8NebFmeaHFJrgZkyTVt3sqarmcD8U2nbjdXuPDxYBzj3ri6fXvS1tu6bTr97ZEL8IyBydkYm0xdZn5sIGSTmIxyO" +
  "e4VEgrOdGh6N1vexqy8WscsKRY4tQ0KRkiycV1I3WXEiYFE8nHwHqZ8q41Axpa/3UX8/fULIoZdvWm7eYtusZevY7v7h9YdAHFKS5njkmpdIP0hufXGUESpiUVFv" +
  "qEGLReWMbLOF+zjPo1zG5QNDZMkTmKstAwcQmjJtIvZjsicJW9OLbBucF6GSt2f66I25EfBCXgzFG57k86xef2SVR6hKWVv7lcTS7hks9XvPeInLi70o19A6UXt3" +
  "UHQ2sXIUtSEVPOSSdItutonALX2mkG5/UFhExxkDo7gJgr+OrH6nmGFNQ59kQtrVd1XJOSkloaL+QIOWyxIv63a4cTTYBbldfb2OU9MCsaqlPyEZKelBQg0dhcI6" +
  "VmTqSpSsRKcOWCdTL8ZR2lMNbzR+Y3YhMqXGWIeoPZTHbko2voBDqqoj3RNT/pR17pEJnaQW4Mppt+Q6rvge+M8zQy8dfiBcXG3prUCIX062MhcpajElbOLLD3Qu" +
  "43rQF61dLCQDM7VV9kIYGkvcOOmrn6mKltsrIci1lu5KzJOWlhFFk1wbSC4HUMzwYz1s5prpU1YONV9LPZLehgIBUV4XOYS3GIc/GJ5NGG1tld0Sx42lXKccb04g" +
  "yx9feAwOYn3PI6Q0y4i3bgxbujjXeqedTZ1sNDNK7rgn2WGnwxknhiinT7l329pk486ADANAuCn0MMbZi+WT1a3Li9bI+Lhw+z4ASLhKALjqDPG/m8s6ADi7rk8Z" +
  "YvQ8J2Zf/9BwX0dDQzNy94DvoeJt3ehiFbfcm/Hz7AFAlACABM6+5B4AhO4DmNM9AXgOwJzuCcBrAOZ2jwDKT4M9+K1EfEX72Pv3+U53lNPbvwF4npJAj89ifuW4" +
  "BoPFgvO9vZBVFXXj13F9maU9wmGGSPERCa8M/MP3G8WDPzN+rPdiVfyN4H1oibeBwn7gowX5XwHOa+xFbMeUt/DRC6wnxUXah+EiZqPAe4MWQExa5sLz2UQo8Bym" +
  "ewWntk8fr+Nu0uhEWpuZtcwGEGmdDmaeZ10l7KQf04e+Kmz1F9vbYVUz6sBzUMoJ8afEaU11WLMrVualcaeYhhntjlVpT7j2i+HD2SBfDuh4H2n7T/T29h/ooydP" +
  "hDiNcxgsYjS+7K9Gphi0nooQs6gxLoZ6bLoHEKraanShEDh8cG14TFqPISugdGRLYnUJkYMY64V+fQcw4M67Q8kZahJO4PwD41mwg1m4DYIZVAND6BsRJ8GEOJAa" +
  "4M8yNzTyCFNTgtpwUxPZKIba43rT/DJLT54EhnVoikZgcE3o3re0u6bv+tMXeuSBwFJEvA2pCIEPMe2JT0V6AEhMa6BRkSacDnO6BwCvAZjTPQK4DwA="

export const emptyDatabase: Effect.Effect<Uint8Array> = Effect.promise(() =>
  promisify(brotliDecompress)(Buffer.from(compressed, "base64"))
)
