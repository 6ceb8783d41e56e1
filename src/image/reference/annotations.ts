/** Annotations by which an image in an OCI layout is called. */

/** The tag (image-spec, annotations.md), or whatever the writer had for a name. */
export const refName = "org.opencontainers.image.ref.name"
/** In full, as containerd and `docker save` write it beside the tag and read it. */
export const fullName = "io.containerd.image.name"
