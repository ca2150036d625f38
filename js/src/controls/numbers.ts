// Numbers as a person types and reads them.

const NUMBER = /^[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?$/i;

/** As many digits as a field has room for. */
export function formatNumber(value: number): string {
  const number = Number(value.toPrecision(7));
  return Math.abs(number) < 1e7 ? String(number) : number.toExponential().replace("e+", "e");
}

/** The number that a text means, or a message as text. */
export function parseNumber(text: string, whole: boolean): number | string {
  const plain = text.trim().replace("−", "-");
  const value = NUMBER.test(plain) ? Number(plain.replace(",", ".")) : NaN;
  // "1,000" is a thousand to some: not guessed where only whole numbers count
  if (whole && !(Number.isSafeInteger(value) && !plain.includes(","))) return "whole numbers only";
  if (Number.isFinite(value)) return value;
  const shown = plain.length > 12 ? `${plain.slice(0, 11)}…` : plain;
  return shown ? `“${shown}” is not a number` : "a number is needed";
}
