import * as ociflow from "ociflow"
import { pulls } from "./pulls.mjs"

await pulls(ociflow)
