// Curves of one system: a metric by iteration, chosen settings, linear or logarithmic.
class Chart {
  constructor(figure, data) {
    this.figure = figure;
    this.data = data;
    this.canvas = figure.querySelector(".canvas");
    this.select = figure.querySelector("select");
    this.log = figure.querySelector("input[name=log]");
    this.keys = all(".key", figure);
    this.hidden = new Set(data.series.map((_, k) => k).filter((k) => k >= data.first));
    this.tip = make("div", { class: "tip", role: "status" });
    this.tip.hidden = true;
    this.at = null;
    for (const metric of data.metrics) this.select.append(make("option", {}, metric));
    this.select.addEventListener("change", () => this.choose());
    this.log.addEventListener("change", () => this.redraw());
    this.keys.forEach((key, k) => this.startKey(key, k));
    for (const button of all("[data-all]", figure)) {
      button.addEventListener("click", () => {
        this.hidden = new Set(button.dataset.all ? [] : data.series.keys());
        this.redraw();
      });
    }
    this.startPointer();
    new ResizeObserver(() => this.redraw()).observe(this.canvas);
    this.choose();
  }

  startKey(key, k) {
    key.addEventListener("click", () => {
      if (!this.hidden.delete(k)) this.hidden.add(k);
      this.redraw();
    });
    for (const [name, faded] of [["pointerenter", true], ["pointerleave", false]]) {
      key.addEventListener(name, () => {
        for (const group of all("g[data-k]", this.canvas)) {
          group.classList.toggle("faded", faded && group.dataset.k !== String(k));
        }
      });
    }
  }

  get metric() {
    return this.data.metrics[this.select.selectedIndex];
  }

  get points() {
    return this.data.points[this.select.selectedIndex];
  }

  choose() {
    this.log.checked = this.data.log[this.select.selectedIndex];
    this.figure.querySelector(".metric").textContent = this.metric;
    this.redraw();
  }

  redraw() {
    this.keys.forEach((key, k) => key.setAttribute("aria-pressed", String(!this.hidden.has(k))));
    this.curves = this.points
      .map((points, k) => ({ k, points }))
      .filter(({ points, k }) => points && !this.hidden.has(k));
    const lines = this.curves.flatMap(({ points }) => points.slice(1).flat()).filter((y) => y !== null);
    const positive = lines.length > 0 && lines.every((y) => y > 0);
    this.log.disabled = lines.length > 0 && !positive;
    const width = Math.max(this.canvas.clientWidth, 240);
    const height = Math.round(Math.min(420, Math.max(220, width * 0.36)));
    const svg = draw("svg", {
      viewBox: `0 0 ${width} ${height}`, tabindex: 0, role: "img",
      "aria-label": `${this.metric} by iteration; arrow keys read values`,
    });
    this.canvas.replaceChildren(svg, this.tip);
    this.hideTip();
    if (!lines.length) {
      svg.append(draw("text", { class: "tick x", x: width / 2, y: height / 2 }, "no curve is chosen"));
      return;
    }
    this.drawAxes(svg, width, height, lines, this.log.checked && positive);
    for (const curve of this.curves) this.drawCurve(svg, curve);
    this.cursor = draw("line", { class: "cursor", y1: 8, y2: height - 30, visibility: "hidden" });
    svg.append(this.cursor);
  }

  drawAxes(svg, width, height, lines, log) {
    const xs = [...new Set(this.curves.flatMap(({ points }) => points[0]))].sort((a, b) => a - b);
    const low = lines.reduce((a, b) => Math.min(a, b));
    const high = lines.reduce((a, b) => Math.max(a, b));
    const yTicks = log ? logTicks(low, high) : ticks(low, high, Math.max(4, Math.floor(height / 55)));
    const labels = yTicks.map(shown);
    const left = 18 + 7 * Math.max(...labels.map((text) => text.length));
    const f = log ? Math.log10 : (y) => y;
    const y = scale(f(Math.min(low, yTicks[0])), f(Math.max(high, yTicks.at(-1))), height - 32, 10);
    this.xs = xs;
    this.x = scale(xs[0], xs.at(-1), left, width - 14);
    this.y = (value) => y(f(value));
    yTicks.forEach((tick, n) => {
      const at = this.y(tick);
      svg.append(draw("line", { class: "grid", x1: left, x2: width - 12, y1: at, y2: at }),
        draw("text", { class: "tick y", x: left - 8, y: at + 4 }, labels[n]));
    });
    for (const tick of ticks(xs[0], xs.at(-1), Math.max(3, Math.floor(width / 80)))) {
      if (tick < xs[0] || tick > xs.at(-1) || !Number.isInteger(tick)) continue;
      svg.append(draw("text", { class: "tick x", x: this.x(tick), y: height - 10 }, shown(tick)));
    }
  }

  drawCurve(svg, { k, points: [i, mean, low, high] }) {
    const places = (ys) => ys.map((y, n) => (y === null ? null : [this.x(i[n]), this.y(y)]));
    const group = draw("g", { class: `s${k % 8} k${(k + Math.floor(k / 8)) % 4}`, "data-k": k });
    const has = low.map((y, n) => n).filter((n) => low[n] !== null && high[n] !== null);
    if (has.length > 1) {
      const edge = (ys) => has.map((n) => [this.x(i[n]), this.y(ys[n])]);
      group.append(draw("path", { class: "band", d: `${path([...edge(high), ...edge(low).reverse()])}Z` }));
    }
    group.append(draw("path", { class: "curve", d: path(places(mean)) }));
    const known = places(mean).filter(Boolean);
    if (known.length < 2) for (const [x, y] of known) group.append(draw("circle", { class: "dot", cx: x, cy: y, r: 3.5 }));
    svg.append(group);
  }

  startPointer() {
    this.canvas.addEventListener("pointermove", (event) => {
      if (!this.xs || !this.curves.length) return;
      const box = this.canvas.getBoundingClientRect();
      const x = event.clientX - box.left;
      this.showTip(this.xs.reduce((a, b) => (Math.abs(this.x(b) - x) < Math.abs(this.x(a) - x) ? b : a)));
    });
    this.canvas.addEventListener("pointerleave", () => this.hideTip());
    this.canvas.addEventListener("focusout", () => this.hideTip());
    this.canvas.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
      if (event.key === "Escape") this.hideTip();
      if (!move || !this.xs || !this.curves.length) return;
      event.preventDefault();
      const now = this.at === null ? (move < 0 ? this.xs.length : -1) : this.xs.indexOf(this.at);
      this.showTip(this.xs[Math.min(this.xs.length - 1, Math.max(0, now + move))]);
    });
  }

  showTip(i) {
    this.at = i;
    const rows = this.curves
      .map(({ k, points }) => ({ k, points, n: points[0].indexOf(i) }))
      .filter(({ points, n }) => n >= 0 && points[1][n] !== null)
      .sort((a, b) => b.points[1][b.n] - a.points[1][a.n]);
    const x = this.x(i);
    put(this.cursor, { x1: x, x2: x, visibility: "visible" }, []);
    all(".mark", this.canvas).forEach((mark) => mark.remove());
    this.tip.replaceChildren(make("b", {}, `iteration ${i}`), ...rows.slice(0, 14).map((row) => this.tipRow(row)));
    for (const { k, points, n } of rows) {
      this.cursor.before(draw("circle", { class: `dot mark s${k % 8}`, cx: x, cy: this.y(points[1][n]), r: 4 }));
    }
    this.tip.hidden = false;
    const room = this.canvas.clientWidth;
    const beside = x + 14 + this.tip.offsetWidth <= room ? x + 14 : Math.max(0, x - 14 - this.tip.offsetWidth);
    this.tip.style.transform = `translate(${beside}px, 8px)`;
  }

  tipRow({ k, points, n }) {
    const [, mean, low, high] = points;
    const known = low.length && low[n] !== null && high[n] !== null;
    const interval = known ? ` (${shown(low[n])} to ${shown(high[n])})` : "";
    return make("div", {}, this.keys[k].querySelector("svg").cloneNode(true),
      make("span", { class: "name" }, this.data.series[k].label),
      make("span", {}, `${shown(mean[n])}${interval}`));
  }

  hideTip() {
    this.at = null;
    this.tip.hidden = true;
    all(".mark", this.canvas).forEach((mark) => mark.remove());
    if (this.cursor) this.cursor.setAttribute("visibility", "hidden");
  }
}
