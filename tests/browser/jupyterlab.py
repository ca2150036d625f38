"""A notebook open in JupyterLab, or in Notebook 7, which is made of the same parts."""

import time

from tests.browser.lab_page import TIMEOUT, LabPage

_PANEL = "window.jupyterapp.shell.currentWidget"
_READY = f"""() => {{
  const panel = window.jupyterapp && {_PANEL};
  const kernel = panel && panel.sessionContext && panel.sessionContext.session?.kernel;
  return Boolean(kernel && kernel.status === 'idle');
}}"""
_RESTORED = f"""async () => {{
  const renderers = {_PANEL}.content.rendermime;
  const widget = 'application/vnd.jupyter.widget-view+json';
  if (!renderers.getFactory(widget)) return false;
  return (await renderers.createRenderer(widget)._manager.promise).restoredStatus;
}}"""
"""A page asks its kernel for all widgets as it connects. Those that are opened or closed meanwhile
it may have twice, or by half; a reader is slower than that, and a test need not be."""

_LATE = """
{
  const { setTimeout } = window;
  const Socket = window.WebSocket;
  const late = { looks: [], answers: [] };
  window.late = late;
  const brings = (data) => new TextDecoder().decode(data).includes('"update_states"');
  window.WebSocket = class extends Socket {
    set onmessage(take) {
      super.onmessage = (event) => {
        const isAnswer = late.answers && event.data instanceof ArrayBuffer && brings(event.data);
        if (isAnswer) late.answers.push(() => take.call(this, event));
        else take.call(this, event);
      };
    }
  };
  window.setTimeout = (call, ms, ...rest) => {
    const isLook = ms === 100 && late.looks && /get_model/.test(new Error().stack);
    if (!isLook) return setTimeout(call, ms, ...rest);
    late.looks.push({ call, since: Date.now() });
    return 0;
  };
  late.answer = () => {
    for (const take of late.answers.splice(0)) take();
    late.answers = null;
  };
  late.look = () => {
    for (const { call } of late.looks.splice(0)) call();
    late.looks = null;
  };
}
"""
"""A page whose widgets come after an output has looked for its own, and before it looks again, for
the last time: the output looks ten times a second for two seconds, but the page is busy."""

_GAVE_UP = "widget model not found"

_ADD_CELL = f"""(source) => {{
  const notebook = {_PANEL}.content;
  notebook.model.sharedModel.addCell({{ cell_type: 'code', source }});
  notebook.activeCellIndex = notebook.widgets.length - 1;
}}"""

_EVALUATE = f"""async (code) => {{
  const kernel = {_PANEL}.sessionContext.session.kernel;
  const content = {{code: '', store_history: false, user_expressions: {{value: code}}}};
  const reply = await kernel.requestExecute(content).done;
  const value = reply.content.user_expressions.value;
  if (value.status !== 'ok') throw new Error(value.ename + ': ' + value.evalue);
  return value.data['text/plain'];
}}"""


class NotebookPage(LabPage):
    """One notebook open in JupyterLab or Notebook."""

    def open(self, url: str) -> None:
        """Go to a notebook and wait until its kernel is idle."""
        self.page.goto(url)
        self.wait_for_kernel()

    def open_too_late(self, url: str) -> None:
        """Go to a saved notebook whose kernel lives, and let JupyterLab give up its widget.

        Raises:
            AssertionError: It did not.
        """
        self.page.add_init_script(_LATE)
        self.page.goto(url)
        self.page.wait_for_function("window.late.looks.length")
        self.page.evaluate("late.answer()")
        self.page.wait_for_function(_RESTORED)
        self.page.wait_for_function("Date.now() - late.looks[0].since > 2000")
        self.page.evaluate("late.look()")
        self.wait_for_kernel()
        given_up = [error for error in self.errors if _GAVE_UP in error]
        assert given_up, "the widget was there in time"
        self.errors = [error for error in self.errors if error not in given_up]

    def wait_for_kernel(self) -> None:
        """Wait until the notebook's kernel is idle and the page has the widgets that it holds."""
        self.page.wait_for_function(_READY)
        self.page.wait_for_function(_RESTORED)

    def command(self, name: str) -> None:
        """Start a command of the frontend, without waiting for its end."""
        self.page.evaluate("(name) => { window.jupyterapp.commands.execute(name); }", name)

    def kernel(self, expression: str) -> str:
        """The repr of an expression in the notebook's kernel."""
        return str(self.page.evaluate(_EVALUATE, expression))

    def until(self, expression: str, timeout: float = TIMEOUT / 1000) -> None:
        """Wait until an expression is true in the kernel."""
        deadline = time.monotonic() + timeout
        while self.kernel(f"bool({expression})") != "True":
            if time.monotonic() > deadline:
                raise TimeoutError(f"not true within {timeout} s: {expression}")
            time.sleep(0.1)

    def run_all(self) -> None:
        """Run all cells and wait until the kernel has run them and the lab shows its figure."""
        self.lab().evaluate_all("(labs) => labs.forEach((lab) => lab.remove())")
        self.command("notebook:run-all-cells")
        self.lab().wait_for()
        # a request in the queue behind the cells
        self.kernel("None")
        self.wait_for_lab()

    def run_cell(self, source: str) -> None:
        """Add a cell below the others and run it, without waiting for its end."""
        self.page.evaluate(_ADD_CELL, source)
        self.command("notebook:run-cell")

    def theme(self, name: str) -> None:
        """Change JupyterLab's theme to "Light" or "Dark", and wait until it is seen."""
        change = (
            "(theme) => { window.jupyterapp.commands.execute('apputils:change-theme', {theme}); }"
        )
        self.page.evaluate(change, f"JupyterLab {name}")
        light = str(name == "Light").lower()
        self.page.locator(f"body[data-jp-theme-light={light}]").wait_for(state="attached")

    def save(self) -> None:
        """Write the notebook, with its outputs, to its file."""
        self.page.evaluate(f"async () => {{ await {_PANEL}.context.save(); }}")

    def restart_kernel(self) -> None:
        """Restart the notebook's kernel without asking."""
        self.page.evaluate(f"() => {_PANEL}.sessionContext.session.kernel.restart()")
        self.wait_for_kernel()

    def shut_down_kernel(self) -> None:
        """End the notebook's kernel; the next page then starts a new one."""
        self.page.evaluate(f"() => {_PANEL}.sessionContext.shutdown()")
