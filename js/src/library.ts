// The script of the kernel's bundle (plotly_bundle.py): a page that is there when the bundle opens
// begins to evaluate plotly.js before any view of a lab is there.

import { providePlotly } from "./plots/plotly_loader";

interface BundleModel {
  get(name: string): unknown;
}

export default {
  initialize({ model }: { model: BundleModel }): void {
    const packed = model.get("packed") as BlobPart | null;
    if (packed) providePlotly(model.get("digest") as string, packed);
  },
};
