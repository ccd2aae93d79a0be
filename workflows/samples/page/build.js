// Writes dist/index.html with the package's version and the commit it was built from.
const { mkdirSync, writeFileSync } = require("node:fs");
const { name, version } = require("./package.json");

const commit = process.env.COMMIT ?? "unknown";
mkdirSync("dist", { recursive: true });
writeFileSync("dist/index.html", `<!doctype html>\n<title>${name}</title>\n<p>${name} ${version}, commit ${commit}</p>\n`);
console.log(`built ${name} ${version}`);
