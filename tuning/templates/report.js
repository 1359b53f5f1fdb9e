// Draws the plots in the page's colours and at its width, and again when either changes: light, dark, paper, a turned phone.
(() => {
  "use strict";
  const root = document.documentElement;
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const coarse = matchMedia("(pointer: coarse)").matches;
  const config = { displaylogo: false, modeBarButtons: [["toImage", "resetScale2d"]] };

  // Put in what var(--name) stands for.
  const colored = (value, style) => {
    if (typeof value === "string") {
      const name = /^var\((--[a-z0-9-]+)\)$/.exec(value);
      return name ? style.getPropertyValue(name[1]).trim() : value;
    }
    if (Array.isArray(value)) return value.map((item) => colored(item, style));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, colored(item, style)]));
    }
    return value;
  };

  const draw = (name) => {
    const place = document.getElementById(`plot-${name}`);
    const figure = colored(figures[name], getComputedStyle(root));
    figure.layout.width = place.clientWidth;
    if (coarse) figure.layout.dragmode = false; // a finger scrolls the page
    Plotly.react(place, figure.data, figure.layout, config);
  };
  const drawAll = () => Object.keys(figures).forEach(draw);

  const print = (on) => {
    root.toggleAttribute("data-print", on);
    drawAll();
  };
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  matchMedia("print").addEventListener("change", (event) => print(event.matches));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);

  drawAll();
  const widths = new Map();
  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (widths.get(target) !== target.clientWidth) {
        if (widths.has(target)) draw(target.id.slice("plot-".length));
        widths.set(target, target.clientWidth);
      }
    }
  });
  for (const name of Object.keys(figures)) observer.observe(document.getElementById(`plot-${name}`));

  for (const key of document.querySelectorAll("[data-trace]")) {
    key.addEventListener("click", () => {
      const shown = key.getAttribute("aria-pressed") !== "true";
      key.setAttribute("aria-pressed", String(shown));
      for (const [name, figure] of Object.entries(figures)) {
        const traces = figure.data.filter((trace) => trace.meta === key.dataset.trace);
        for (const trace of traces) trace.visible = shown;
        if (traces.length) draw(name);
      }
    });
  }
})();
