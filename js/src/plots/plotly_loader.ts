// plotly.js, evaluated once a page: the kernel gives it along with its first lab, and a page that
// comes later asks for it.

import type { Clock } from "../clock";
import type { Plotly } from "./plotly";

/** How long an answer may take before the library is asked for again. */
export const ANSWER_MS = 10_000;

interface Copy {
  library: Promise<Plotly>;
  begin(packed: BlobPart): void;
  begun: boolean;
  /** When it was last asked for, by any view of the page. */
  askedAt: number;
}

/** Shared by all front ends of a page, whichever kernels and versions they come from. */
type Copies = Record<symbol, Copy | undefined>;

/** Evaluates the library with this digest, "packed" with gzip, unless the page has it already. */
export function providePlotly(digest: string, packed: BlobPart): void {
  copyOf(digest).begin(packed);
}

/**
 * The library with this digest.
 *
 * @param ask - sends for it; the answer goes to `providePlotly`
 * @param signal - ends the asking
 */
export function plotlyLibrary(
  digest: string,
  ask: () => void,
  clock: Clock,
  signal: AbortSignal,
): Promise<Plotly> {
  const copy = copyOf(digest);
  const askUnlessBegun = () => {
    if (copy.begun || signal.aborted) return;
    // one answer serves all views of the page; but a kernel that has died gives none
    const left = copy.askedAt + ANSWER_MS - clock.now();
    if (left <= 0) {
      copy.askedAt = clock.now();
      ask();
    }
    clock.after(left > 0 ? left : ANSWER_MS, askUnlessBegun);
  };
  askUnlessBegun();
  return copy.library;
}

function copyOf(digest: string): Copy {
  const key = Symbol.for(`maml-lab.plotly.${digest}`);
  const copies = globalThis as unknown as Copies;
  copies[key] ??= newCopy(() => delete copies[key]);
  return copies[key];
}

function newCopy(forget: () => void): Copy {
  let begin: (packed: BlobPart) => void = () => {};
  const packed = new Promise<BlobPart>((resolve) => {
    begin = resolve;
  });
  const copy: Copy = {
    library: packed.then(evaluate),
    begin(given) {
      copy.begun = true;
      begin(given);
    },
    begun: false,
    askedAt: -Infinity,
  };
  // whoever waits for it hears of the error; the next view may try again
  copy.library.catch(forget);
  return copy;
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
