// Elements of the page, node and filled.

type Attributes = Record<string, string | number>;

export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

/** Changes a text in place: for each node that comes or goes rules with :has() are asked again. */
export function write(target: Element, text: string): void {
  const { firstChild } = target;
  if (!(firstChild instanceof Text)) target.textContent = text;
  else if (firstChild.data !== text) firstChild.data = text;
}

/** Lets the browser save a file. */
export function download(filename: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = element("a", { href: url, download: filename });
  link.click();
  // the download has begun, but has not read it all yet
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
