/** The grammar of the distribution reference package, for what parses references and for options that name some. */

/** Between two slashes of a repository. */
export const component = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"

export const tag = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
