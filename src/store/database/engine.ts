/** SQLite, as sql.js compiles it. The build makes one ECMAScript module of both. */
import initSqlJs from "sql.js"

export { initSqlJs }
