/**
 * What a user's environment says of proxies, logins, colours and directories of settings is no part of a test that does not say it, and an
 * empty `HOME` is as good as none: the system knows the user's.
 */
const names =
  /^(?:https?_proxy|no_proxy|all_proxy|DOCKER_(?:AUTH_)?CONFIG|REGISTRY_AUTH_FILE|(?:FORCE|NO)_COLOR|XDG_\w+|OCIFLOW_\w+)$/i

for (const name of Object.keys(process.env)) if (names.test(name)) delete process.env[name]
if (process.env["HOME"] === "") delete process.env["HOME"]
