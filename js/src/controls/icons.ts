// Drawings of 16 × 16 pixels with one stroke; class "f" fills.

export const ICONS: Record<string, string> = {
  play: '<path class="f" d="M4.5 2.8v10.4L13 8z"/>',
  pause: '<path class="f" d="M4 3h2.8v10H4zM9.2 3H12v10H9.2z"/>',
  step: '<path class="f" d="M3.5 3v10L10 8z"/><path d="M12 3v10"/>',
  inner: '<path d="m5 4 4 4-4 4M12 3.5v9"/>',
  task: '<path d="m2 4 4 4-4 4M7 4l4 4-4 4M13.5 3.5v9"/>',
  reset: '<path d="M3 8a5 5 0 1 0 1.6-3.7L3 5.8M3 2.5v3.3h3.3"/>',
  dice:
    '<rect x="2.2" y="2.2" width="11.6" height="11.6" rx="2.4"/><circle class="f" cx="5.5" cy="5.5" r=".7"/>' +
    '<circle class="f" cx="8" cy="8" r=".7"/><circle class="f" cx="10.5" cy="10.5" r=".7"/>',
  undo: '<path d="M5.8 2.8 2.8 5.8l3 3M2.8 5.8h6.4a3.7 3.7 0 0 1 0 7.4H6"/>',
  redo: '<path d="m10.2 2.8 3 3-3 3M13.2 5.8H6.8a3.7 3.7 0 0 0 0 7.4H10"/>',
  pin: '<path d="M5.5 2.5h5M6.3 2.5v4.2L4 9.5h8L9.7 6.7V2.5M8 9.5v4.3"/>',
  unpin: '<path d="M5.5 2.5h5M6.3 2.5v4.2L4 9.5h8L9.7 6.7V2.5M8 9.5v4.3M2.5 13.5l11-11"/>',
  fork:
    '<path d="M4.5 5.3v5.4M11.5 5.3c0 3-7 2.2-7 5"/><circle cx="4.5" cy="3.7" r="1.6"/>' +
    '<circle cx="11.5" cy="3.7" r="1.6"/><circle cx="4.5" cy="12.3" r="1.6"/>',
  export: '<path d="M8 10V2.5M5 5l3-3 3 3M3 9v4.5h10V9"/>',
  load: '<path d="M8 2.5V10M5 7l3 3 3-3M3 9v4.5h10V9"/>',
  more:
    '<path d="M2.5 4.5h6M12.5 4.5h1M2.5 11.5h1M7.5 11.5h6"/><circle cx="10.5" cy="4.5" r="1.8"/>' +
    '<circle cx="5.5" cy="11.5" r="1.8"/>',
  type: '<text class="f" x="8" y="12.4">Aa</text>',
  shuffle:
    '<path d="M2 4.5h2.5l6 7H14M2 11.5h2.5l2-2.3M8.5 6.8l2-2.3H14M12 2.5l2 2-2 2M12 9.5l2 2-2 2"/>',
  live: '<circle class="f" cx="8" cy="8" r="2"/><path d="M4.6 11.4a4.8 4.8 0 0 1 0-6.8M11.4 4.6a4.8 4.8 0 0 1 0 6.8"/>',
};
