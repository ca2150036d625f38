// plotly.js from the kernel's bundle, evaluated once a page and version.

function plotlyLibrary(bundle) {
  const key = Symbol.for(`maml-lab.plotly.${bundle.get("version")}`);
  window[key] ??= plotlyEvaluated(bundle.get("packed")).catch((error) => {
    delete window[key];
    throw error;
  });
  return window[key];
}

// nobody waits for it yet: whoever does is told of an error
function plotlyBegin(bundle) {
  plotlyLibrary(bundle).catch(() => {});
}

async function plotlyEvaluated(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const source = await new Response(stream).blob();
  // names of its own: a page's AMD loader must not take the library for itself
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
    else delete window.Plotly;
  }
}
