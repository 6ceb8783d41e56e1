CREATE TABLE "schema_migrations" (
  migration_id integer PRIMARY KEY NOT NULL,
  created_at datetime NOT NULL DEFAULT current_timestamp,
  name VARCHAR(255) NOT NULL
);

CREATE TABLE images (
    id INTEGER PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, -- of all manifests, configs and layers, each digest once
    last_used_at DATETIME,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    modified_at DATETIME DEFAULT CURRENT_TIMESTAMP
  );

CREATE INDEX idx_images_digest ON images(digest);

CREATE TABLE indexes (
    id INTEGER PRIMARY KEY,
    image_id INTEGER NOT NULL,
    digest TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    platform_os TEXT, platform_arch TEXT, platform_variant TEXT,
    annotations_json TEXT,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    modified_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (image_id, digest),
    FOREIGN KEY (image_id) REFERENCES images(id) ON DELETE CASCADE
  );

CREATE TABLE manifests (
    id INTEGER PRIMARY KEY,
    index_id INTEGER,
    image_id INTEGER NOT NULL,
    digest TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    platform_os TEXT NOT NULL, platform_arch TEXT NOT NULL, platform_variant TEXT,
    requested_json TEXT NOT NULL,
    annotations_json TEXT,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    modified_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (index_id) REFERENCES indexes(id) ON DELETE CASCADE,
    FOREIGN KEY (image_id) REFERENCES images(id) ON DELETE CASCADE
  );

CREATE UNIQUE INDEX idx_manifests_platform
    ON manifests(image_id, platform_os, platform_arch, ifnull(platform_variant, ''));

CREATE INDEX idx_manifests_index_id ON manifests(index_id);

CREATE INDEX idx_manifests_digest ON manifests(digest);

CREATE TABLE configs (
    id INTEGER PRIMARY KEY,
    manifest_id INTEGER NOT NULL UNIQUE,
    digest TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    created DATETIME, architecture TEXT, os TEXT, os_variant TEXT,
    config_env_json TEXT, config_cmd_json TEXT, config_working_dir TEXT,
    config_entrypoint_json TEXT, config_volumes_json TEXT,
    config_exposed_ports_json TEXT, config_user TEXT,
    rootfs_type TEXT, rootfs_diff_ids_json TEXT,
    history_json TEXT,
    config_json TEXT NOT NULL, -- the whole document, as it was pulled
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    modified_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (manifest_id) REFERENCES manifests(id) ON DELETE CASCADE
  );

CREATE TABLE layers (
    id INTEGER PRIMARY KEY,
    media_type TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE, -- of the blob
    diff_id TEXT NOT NULL, -- of the uncompressed archive
    size_bytes INTEGER NOT NULL,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    modified_at DATETIME DEFAULT CURRENT_TIMESTAMP
  );

CREATE INDEX idx_layers_diff_id ON layers(diff_id);

CREATE TABLE manifest_layers (
    id INTEGER PRIMARY KEY,
    manifest_id INTEGER NOT NULL,
    layer_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    modified_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (manifest_id) REFERENCES manifests(id) ON DELETE CASCADE,
    FOREIGN KEY (layer_id) REFERENCES layers(id) ON DELETE CASCADE,
    UNIQUE (manifest_id, position)
  );

CREATE INDEX idx_manifest_layers_layer_id ON manifest_layers(layer_id);

INSERT INTO schema_migrations (migration_id, name) VALUES (1, 'create_tables');
