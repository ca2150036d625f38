// Colours of a dark theme or a projector, and sizes of large type, for figures described in light colours and
// normal type.

/** How much larger type, lines and points are. */
export const LARGE = 1.5;

const MARGINS = new Set(["l", "r", "t", "b"]);
const SIZES = new Set(["size", "standoff", "xshift", "yshift", "ticklen"]);

// lists that plotly compares by identity, and that hold no colours
const POINTS = new Set(["x", "y", "z", "text", "customdata", "ids", "hovertext", "source"]);

export interface Theme {
  dark: boolean;
  large: boolean;
  /** Colour as described → colour in this theme; those that are not named stay. */
  colours: Record<string, string>;
}

/** What was derived of a list before: the same object where nothing has changed. */
export type ListMemory = WeakMap<unknown[], unknown[]>;

/** A part of a figure in a theme. */
export function applyTheme<Part>(part: Part, theme: Theme, lists: ListMemory): Part {
  const convert = (value: unknown, key: string, parent: string): unknown => {
    if (typeof value === "string") return recolour(value, theme.colours);
    if (typeof value === "number") return theme.large ? resize(value, key, parent) : value;
    if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
    if (Array.isArray(value)) {
      if (POINTS.has(key)) return value;
      let list = lists.get(value);
      if (!list) {
        list = value.map((held) => convert(held, key, parent));
        lists.set(value, list);
      }
      return list;
    }
    return Object.fromEntries(
      Object.entries(value).map(([name, held]) => [name, convert(held, name, key)]),
    );
  };
  return convert(part, "", "") as Part;
}

function recolour(text: string, colours: Record<string, string>): string {
  if (!/#|rgb/i.test(text)) return text;
  return text
    .replace(/#[0-9a-f]{6}\b/gi, (hex) => colours[hex.toLowerCase()] ?? hex)
    .replace(
      /#([0-9a-f])([0-9a-f])([0-9a-f])\b/gi,
      (hex, r, g, b) => colours[`#${r}${r}${g}${g}${b}${b}`.toLowerCase()] ?? hex,
    )
    .replace(
      /\b(rgba?)\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*/g,
      (start, kind, ...channels: string[]) => {
        const digits = (channel: string) => Number(channel).toString(16).padStart(2, "0");
        const mapped = colours[`#${channels.slice(0, 3).map(digits).join("")}`];
        if (!mapped) return start;
        return `${kind}(${[1, 3, 5].map((i) => parseInt(mapped.slice(i, i + 2), 16)).join(",")}`;
      },
    );
}

function resize(value: number, key: string, parent: string): number {
  const width = key === "width" && parent === "line";
  const scaled = width || SIZES.has(key) || (parent === "margin" && MARGINS.has(key));
  return scaled ? value * LARGE : value;
}
