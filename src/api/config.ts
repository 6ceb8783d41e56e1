/** Every option, its unit and its default. What can be set per pull is in `PullOptions`, the rest in `PullerOptions`. */
export * from "./config/calls.ts"
export * from "./config/client.ts"
export * from "./config/filled.ts"
export * from "./config/limits.ts"
export * from "./config/network.ts"
