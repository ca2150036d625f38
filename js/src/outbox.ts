// What a view sends. It counts its questions: an answer says how many it covers.

import type { Clock } from "./clock";
import { type Addressed, endsDrag, isQuestion, type Outgoing } from "./messages";

/** How long the end of a drag lets the answer to its last value pass. */
export const END_MS = 250;

export class Outbox {
  private asked = 0;
  private answered = 0;
  private last: Outgoing | null = null;
  private ending: Outgoing | null = null;
  private timer = 0;
  private closed = false;

  /**
   * @param expect - hears how many questions the view has asked, before the last is sent
   */
  constructor(
    private readonly view: string,
    private readonly send: (message: Addressed) => void,
    private readonly expect: (asked: number) => void,
    private readonly clock: Clock,
  ) {}

  readonly emit = (message: Outgoing): void => {
    if (this.closed) return;
    this.end();
    if (isQuestion(message)) {
      const ends = endsDrag(message, this.last);
      this.last = message;
      if (ends) {
        this.ending = message;
        this.timer = this.clock.after(END_MS, () => this.end());
        return;
      }
      this.asked += 1;
      // a support point follows the pointer before the kernel knows of it
      if (message.kind !== "support") this.expect(this.asked);
    }
    this.post(message);
  };

  /** Whether there is a question without an answer. */
  get waiting(): boolean {
    return this.asked > this.answered;
  }

  /** The kernel has answered so many. */
  hear(answers: number): void {
    this.answered = Math.max(this.answered, answers);
  }

  /** Nobody listens any more, or somebody does again. */
  close(closed: boolean): void {
    this.closed = closed;
  }

  private end(): void {
    this.clock.cancel(this.timer);
    const ending = this.ending;
    this.ending = null;
    if (ending && !this.closed) this.post(ending);
  }

  private post(message: Outgoing): void {
    this.send({ ...message, view: this.view, asked: this.asked });
  }
}
