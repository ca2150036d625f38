function labControls() {
  const place = () => document.createElement("div");
  return {
    places: { top: place(), adaptation: place(), task: place(), training: place() },
    update() {},
  };
}
