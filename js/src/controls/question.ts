import { element } from "../dom";
import { overlay } from "./overlay";

export interface Question {
  close(back?: boolean): void;
  /** @param agreed - called if the answer is yes */
  ask(text: string, agreed: () => void): void;
}

/** Asks before a choice that restarts the training. */
export function question(node: HTMLElement, focus: () => void): Question {
  const words = element("span");
  const restart = element("button", { type: "button", class: "maml-lab-primary" }, "Restart");
  const keep = element("button", { type: "button" }, "Keep");
  const panel = element("dialog", {}, words, restart, keep);
  const over = overlay(node, panel, focus);
  let agreed = () => {};
  restart.autofocus = true;
  node.append(panel);
  restart.addEventListener("click", () => {
    over.close();
    agreed();
  });
  // the Enter that chose the option, held down, is no answer
  restart.addEventListener("keydown", (event) => {
    if (event.repeat) event.preventDefault();
  });
  keep.addEventListener("click", () => over.close());
  return {
    close: over.close,
    ask(text, then) {
      over.close(false);
      agreed = then;
      words.textContent = text;
      panel.setAttribute("aria-label", text);
      over.open();
    },
  };
}
