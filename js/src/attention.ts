// Where "Run All" leaves the reader: at the lab, ready to play.

const ACTS = ["pointerdown", "wheel", "touchstart", "keydown"];

export class Attention {
  private readonly listening = new AbortController();
  /** Whether the reader has done something since the lab is there. */
  private acted = false;

  constructor(private readonly root: HTMLElement) {
    const { signal } = this.listening;
    const note = () => {
      this.acted = true;
    };
    for (const act of ACTS) addEventListener(act, note, { capture: true, passive: true, signal });
  }

  /** Brings the lab into view, with its first action in focus; a reader at work stays undisturbed. */
  attend(): void {
    if (this.acted) return;
    this.root.scrollIntoView({ block: "start" });
    this.root.querySelector<HTMLElement>(".maml-lab-primary")?.focus({ preventScroll: true });
  }

  stop(): void {
    this.listening.abort();
  }
}
