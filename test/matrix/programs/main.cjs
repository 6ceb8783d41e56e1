const ociflow = require("ociflow")

import("./pulls.mjs").then(({ pulls }) => pulls(ociflow))
