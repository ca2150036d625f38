// Builds the bundles that Python ships: `node build.mjs`, with --watch again after each change,
// with --check only to see whether the bundle in the repository is that of these sources.

import { readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build, context } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const options = {
  absWorkingDir: here,
  entryPoints: ["src/widget.ts", "src/library.ts", "src/replay.ts"],
  outdir: "../labkit/widgets/static",
  bundle: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  // a page that is loaded again gets the script with the lab's state, from a kernel that may be
  // busy; names stay, for whoever reads a stack trace
  minifySyntax: true,
  minifyWhitespace: true,
  lineLimit: 100,
  legalComments: "none",
  logLevel: "info",
};

async function stale() {
  const { outputFiles } = await build({ ...options, write: false, logLevel: "warning" });
  const same = await Promise.all(
    outputFiles.map(async ({ path, text }) => text === (await readFile(path, "utf8"))),
  );
  return outputFiles.filter((_, i) => !same[i]).map(({ path }) => relative(join(here, ".."), path));
}

if (process.argv.includes("--check")) {
  const files = await stale();
  if (files.length) {
    console.error(
      `${files.join(", ")}: not what js/src gives: run "make js" and commit the result`,
    );
    process.exitCode = 1;
  }
} else if (process.argv.includes("--watch")) {
  await (await context(options)).watch();
} else {
  await build(options);
}
