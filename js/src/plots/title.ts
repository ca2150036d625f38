import { element } from "../dom";
import type { Figure } from "./figure";
import { titleHeight } from "./look";

const APART = " · ";

/**
 * Shows a figure's title, "<b>name</b> · what it shows" escaped, in an element of the page.
 *
 * Each part is an element: where there is no room side by side they are in lines of their own, and
 * the last, whose numbers change all the time, keeps its room.
 */
export function showTitle(target: HTMLElement, figure: Figure): void {
  const { meta, title } = figure.layout;
  const text = (titleHeight(figure) && (meta?.heading ?? title?.text)) || "";
  if (target.dataset.text === text) return;
  target.dataset.text = text;
  const { body } = new DOMParser().parseFromString(text, "text/html");
  const parts = [...body.childNodes].flatMap(({ nodeName, textContent }) => {
    const texts = (textContent ?? "").split(APART).filter((part) => part.trim());
    return texts.map((part) => (nodeName === "B" ? element("b", {}, part) : part));
  });
  const last = parts.length - 1;
  target.replaceChildren(
    ...parts.map((part, i) => element("span", {}, part, i < last ? APART : "")),
  );
  target.title = body.textContent ?? "";
}
