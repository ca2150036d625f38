import { element } from "./dom";

/** Puts a text on the clipboard; `root` holds for a moment what the old way needs. */
export async function copyText(root: Element, text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // without permission, or a page that is not secure: the old way
    const area = element("textarea", { class: "maml-lab-copied" });
    area.value = text;
    root.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}
