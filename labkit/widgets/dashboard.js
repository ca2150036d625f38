// One view of the lab: controls, panels, theme; joined to the kernel's model.

const DASHBOARD_PLOTS = new Set(["whole", "changes"]);
const DASHBOARD_ASKS = new Set(["set", "press", "support", "look"]); // somebody waits for the answer

const DASHBOARD_END_MS = 250; // so long the end of a drag lets the answer to its last value pass

// whether a message only ends a drag whose last value has been set already
function dashboardEnds(message, last) {
  const ends = message.kind === "set" && message.final && last.final === false;
  return ends && message.name === last.name && message.value === last.value;
}

function dashboardElement(tag, names, ...children) {
  const element = document.createElement(tag);
  element.className = names;
  element.append(...children);
  return element;
}

function dashboardIsDark(media) {
  const light = document.body.dataset.jpThemeLight;
  return light === undefined ? media.matches : light === "false";
}

function dashboardPage(places) {
  const plots = {};
  const titles = {};
  const panels = PLOT_PANELS.map((name) => {
    plots[name] = dashboardElement("div", "maml-lab-plot");
    plots[name].style.height = `${PLOT_HEIGHTS[name]}px`;
    titles[name] = dashboardElement("div", "maml-lab-title");
    titles[name].setAttribute("role", "heading");
    titles[name].ariaLevel = "3";
    const head = dashboardElement("header", "maml-lab-head", titles[name], places[name]);
    return dashboardElement("section", `maml-lab-panel maml-lab-${name}`, head, plots[name]);
  });
  const lost = dashboardElement("p", "maml-lab-lost");
  lost.setAttribute("role", "status");
  const root = dashboardElement(
    "div", "maml-lab", places.top, lost, dashboardElement("div", "maml-lab-plots", ...panels)
  );
  return { root, plots, titles, lost };
}

// what has become of the kernel, and what helps
function dashboardLoss(restarted) {
  // Voilà shows no cells, and starts a kernel for each page
  const remedy = document.body.dataset.voila ? "load the page again" : "run all cells again";
  if (restarted) return `The kernel has restarted: ${remedy}.`;
  return `The kernel is out of reach. If it stays so, ${remedy}.`;
}

// the model that a trait refers to
function dashboardModel(model, trait) {
  return model.widget_manager.get_model(model.get(trait).replace("IPY_MODEL_", ""));
}

async function dashboardRender({ model, el, signal }) {
  const view = crypto.randomUUID?.() ?? String(Math.random());
  let lost = false;
  let [asked, last, ending, timer] = [0, {}, null, 0];
  const end = () => {
    clearTimeout(timer);
    if (ending && !lost) model.send({ ...ending, view, asked });
    ending = null;
  };
  const emit = (message) => {
    if (lost) return;
    end();
    if (DASHBOARD_ASKS.has(message.kind)) {
      const ends = dashboardEnds(message, last);
      last = message;
      if (ends) {
        ending = message;
        timer = setTimeout(end, DASHBOARD_END_MS);
        return;
      }
      asked += 1;
      // a support point follows the pointer before the kernel knows of it
      if (message.kind !== "support") plots.expect(asked);
    }
    model.send({ ...message, view, asked });
  };
  const controls = labControls(model.get("controls"), emit);
  const { root, plots: elements, titles, lost: notice } = dashboardPage(controls.places);
  el.append(root);
  const bundle = dashboardModel(model, "bundle");
  const plots = new Plots({ elements, titles, root, library: bundle.then(plotlyLibrary), emit });

  const media = matchMedia("(prefers-color-scheme: dark)");
  const look = () => {
    const large = model.get("large");
    const dark = dashboardIsDark(media);
    root.classList.toggle("maml-lab-large", large);
    root.classList.toggle("maml-lab-dark", dark);
    plots.setLook({ large, dark, colours: model.get("dark") });
  };
  const state = () => controls.update(model.get("state"));
  const step = () => plots.setStep(model.get("inner_step"));
  const hear = (message, buffers) => {
    if (DASHBOARD_PLOTS.has(message.kind)) {
      plots.receive(message, buffers);
      plots.hear(message.answers[view] ?? 0);
    } else if (message.view === view) {
      pageAnswer(root, message, buffers);
      plotAnswer(plots, message, emit);
    }
  };
  // of a kernel that restarts JupyterLab tells each model; the bundle's can be asked
  const live = async () => {
    lost = (await bundle).comm_live === false;
    const apart = kernel !== undefined && kernel.connectionStatus !== "connected";
    if (lost || apart) notice.textContent = dashboardLoss(lost);
    root.classList.toggle("maml-lab-is-lost", lost || apart);
  };
  // not all that show widgets tell of their kernel
  const kernel = model.widget_manager.kernel ?? undefined;
  kernel?.connectionStatusChanged?.connect(live);
  const theme = new MutationObserver(look);
  theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  media.addEventListener("change", look);
  const heard = [
    ["change:large", look], ["change:dark", look], ["change:state", () => plots.alongside(state)],
    ["change:inner_step", step], ["msg:custom", hear], ["comm_live_update", live],
  ];
  heard.forEach(([name, handler]) => model.on(name, handler));

  let gone = false;
  const stop = () => {
    if (gone) return;
    gone = true;
    heard.forEach(([name, handler]) => model.off(name, handler));
    kernel?.connectionStatusChanged?.disconnect(live);
    theme.disconnect();
    media.removeEventListener("change", look);
    plots.destroy();
    root.remove();
  };
  signal?.addEventListener("abort", stop);
  look();
  state();
  step();
  plots.begin(model.get("first"));
  emit({ kind: "ready" });
  return stop;
}

export default { render: dashboardRender };
