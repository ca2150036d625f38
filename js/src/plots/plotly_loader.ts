// plotly.js from the kernel's bundle, evaluated once a page and version.

import type { Plotly } from "./plotly";

/** The model of the kernel's copy of plotly.js: its "version", and its source "packed" with gzip. */
export interface PlotlyModel {
  get(name: string): unknown;
}

type Libraries = Record<symbol, Promise<Plotly> | undefined>;

export function plotlyLibrary(bundle: PlotlyModel): Promise<Plotly> {
  const key = Symbol.for(`maml-lab.plotly.${bundle.get("version")}`);
  const libraries = window as unknown as Libraries;
  libraries[key] ??= evaluate(bundle.get("packed") as BlobPart).catch((error) => {
    delete libraries[key];
    throw error;
  });
  return libraries[key];
}

/** Begins before anybody waits for it; `plotlyLibrary` passes an error to whoever does. */
export function beginPlotly(bundle: PlotlyModel): void {
  plotlyLibrary(bundle).catch(() => {});
}

async function evaluate(packed: BlobPart): Promise<Plotly> {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const source = await new Response(stream).blob();
  // local names hide a page's AMD loader, which would keep the library to itself
  const names = "const module = {exports: {}}, exports = module.exports, define = undefined;\n";
  const code = [names, source, "\nexport default module.exports;"];
  const url = URL.createObjectURL(new Blob(code, { type: "text/javascript" }));
  const before = Object.getOwnPropertyDescriptor(window, "Plotly");
  try {
    return (await import(url)).default;
  } finally {
    URL.revokeObjectURL(url);
    // plotly.js also makes itself a global, where another extension may have its own
    if (before) Object.defineProperty(window, "Plotly", before);
    else Reflect.deleteProperty(window, "Plotly");
  }
}
