// The top label of each text by transformers.js, from the Hub that HF_ENDPOINT names.
//     node classify.mjs org/name texts.json cache-folder
import { readFileSync } from "node:fs";
import { env, pipeline } from "@huggingface/transformers";

const [name, texts, cache] = process.argv.slice(2);
env.remoteHost = process.env.HF_ENDPOINT;
env.cacheDir = cache;
const classify = await pipeline("text-classification", name, { dtype: "q8" });
const labels = [];
for (const text of JSON.parse(readFileSync(texts, "utf8"))) labels.push((await classify(text))[0].label);
console.log(JSON.stringify(labels));
