// The saved outputs of the notebook around a lab. JupyterLab and Notebook give a widget's manager
// the document; elsewhere there is none, and nothing to do.

import type { Clock } from "./clock";

interface Output {
  data: Record<string, unknown>;
  toJSON(): Record<string, unknown>;
}

interface Outputs {
  length: number;
  get(index: number): Output;
  /** Shows another output in the place of one. */
  set(index: number, output: Record<string, unknown>): void;
}

interface NotebookDocument {
  cells: Iterable<{ outputs?: Outputs }>;
  /** Whether there is something to save. */
  dirty: boolean;
}

interface ViewedModel {
  views?: object;
}

export interface NotebookManager {
  context?: { model?: NotebookDocument };
  has_model?(id: string): boolean;
  get_model?(id: string): Promise<ViewedModel>;
}

const WIDGET = "application/vnd.jupyter.widget-view+json";
const HTML = "text/html";
const GIVEN_UP = /^Error displaying widget/;

/** When outputs have given up: they look ten times a second, if the page is not busy. */
const LOOKED_MS = [500, 2000, 5000, 10_000, 20_000];

/** Manager → the outputs that were shown again, by the widget in them. */
const mended = new WeakMap<object, Set<string>>();

/**
 * Shows the outputs again that have given up their widgets, though the page has them by now.
 *
 * A page asks its kernel for all widgets as it connects, and an output waits two seconds for its
 * own. If the answer comes as these end, JupyterLab says "model not found" until the next reload.
 */
export function mendOutputs(manager: NotebookManager, clock: Clock): void {
  for (const ms of LOOKED_MS) clock.after(ms, () => showAgain(manager));
}

async function showAgain(manager: NotebookManager): Promise<void> {
  const notebook = manager.context?.model;
  if (!notebook || !hasGivenUp()) return;
  for (const { output, show } of outputsOf(notebook)) {
    const id = (output.data[WIDGET] as { model_id?: string } | undefined)?.model_id;
    if (!id || !(await isUnseen(manager, id))) continue;
    const { dirty } = notebook;
    show(output.toJSON());
    notebook.dirty = dirty; // it is the same output
  }
}

/** Puts another HTML into the outputs whose HTML contains a mark. */
export function replaceHtml(manager: NotebookManager, mark: string, html: string): void {
  const notebook = manager.context?.model;
  if (!notebook) return;
  for (const { output, show } of outputsOf(notebook)) {
    const held = output.data[HTML];
    const text = Array.isArray(held) ? held.join("") : held;
    if (typeof text !== "string" || !text.includes(mark) || text === html) continue;
    show({ ...output.toJSON(), data: { ...output.data, [HTML]: html } });
  }
}

function* outputsOf(notebook: NotebookDocument) {
  for (const { outputs } of notebook.cells) {
    for (let i = 0; i < (outputs?.length ?? 0); i += 1) {
      const output = outputs?.get(i);
      if (output)
        yield { output, show: (other: Record<string, unknown>) => outputs?.set(i, other) };
    }
  }
}

function hasGivenUp(): boolean {
  const outputs = [...document.querySelectorAll(".jp-OutputArea-output")];
  return outputs.some(({ textContent }) => GIVEN_UP.test(textContent ?? ""));
}

/** Whether the page has a widget and shows it nowhere; true once for each widget. */
async function isUnseen(manager: NotebookManager, id: string): Promise<boolean> {
  if (!manager.has_model?.(id)) return false;
  const before = mended.get(manager) ?? new Set();
  mended.set(manager, before);
  const model = await manager.get_model?.(id);
  if (before.has(id) || Object.keys(model?.views ?? {}).length) return false;
  before.add(id);
  return true;
}
