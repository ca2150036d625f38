import { expect, it } from "vitest";
import { compose, type PlacedPicture } from "../src/plots/pictures";

const picture = (more: Partial<PlacedPicture>): PlacedPicture => ({
  svg: "<svg></svg>",
  left: 0,
  right: 100,
  bottom: 200,
  tall: 150,
  ...more,
});

it("puts panels side by side as on the page, without what is between them", () => {
  const { svg, width, height } = compose([
    picture({ left: 8, right: 108 }),
    picture({ left: 120, right: 220, tall: 120 }),
    picture({ left: 8, right: 220, bottom: 500, tall: 80 }),
  ]);
  expect([width, height]).toEqual([212, 230]);
  expect([...svg.matchAll(/<svg x="(\d+)" y="(\d+)"/g)].map(([, x, y]) => [x, y])).toEqual([
    ["0", "0"],
    ["112", "30"], // their plots end at one line
    ["0", "150"],
  ]);
});
