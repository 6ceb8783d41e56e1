const decoder = new TextDecoder()

/** A name of an archive as text: what is not UTF-8 in it becomes U+FFFD. */
export const decodeName = (binary: string): string => decoder.decode(Buffer.from(binary, "latin1"))
