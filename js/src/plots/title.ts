import { element } from "../dom";
import type { Figure } from "./figure";
import { titleHeight } from "./look";

/** Shows a figure's title, "<b>name</b> · what it shows" escaped, in an element of the page. */
export function showTitle(target: HTMLElement, figure: Figure): void {
  const text = (titleHeight(figure) && figure.layout.title?.text) || "";
  if (target.dataset.text === text) return;
  target.dataset.text = text;
  const { childNodes, textContent } = new DOMParser().parseFromString(text, "text/html").body;
  target.replaceChildren(
    ...[...childNodes].map((part) =>
      element(part.nodeName === "B" ? "b" : "span", {}, part.textContent ?? ""),
    ),
  );
  target.title = textContent ?? "";
}
