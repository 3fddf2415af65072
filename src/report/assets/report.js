// Draws the charts with Chart.js over the static drawings and reports how that went in <html data-charts>:
// "ok", or "error: ..." with the static drawings left in place.
(() => {
  "use strict";
  const root = document.documentElement;
  const fail = (message) => {
    root.dataset.charts = "error: " + message;
  };
  addEventListener("error", (event) => fail(event.message));

  const style = () => {
    const values = getComputedStyle(root);
    const of = (name) => values.getPropertyValue(name).trim();
    return {
      ink: of("--ink"),
      muted: of("--muted"),
      line: of("--line"),
      card: of("--card"),
      accent: of("--accent"),
      series: (index) => of(index < 0 ? "--faint" : "--series-" + index),
      font: getComputedStyle(document.body).fontFamily,
    };
  };

  const show = (axis, value, extra) =>
    axis.percent
      ? (value * 100).toFixed(axis.digits + (extra ? 1 : 0)) + "\u202f%"
      : value.toFixed(axis.digits + (extra ? Math.max(0, 4 - axis.digits) : 0));

  // The vertical line at the best epoch.
  const marker = (chart, theme) => ({
    id: "marker",
    afterDatasetsDraw(canvas) {
      if (!chart.marker) return;
      const { ctx, chartArea, scales } = canvas;
      const x = scales.x.getPixelForValue(chart.marker.x);
      const left = x < (chartArea.left + chartArea.right) / 2;
      ctx.save();
      ctx.strokeStyle = theme.muted;
      ctx.setLineDash([4, 4]);
      ctx.beginPath();
      ctx.moveTo(x, chartArea.top);
      ctx.lineTo(x, chartArea.bottom);
      ctx.stroke();
      ctx.fillStyle = theme.muted;
      ctx.font = "12px " + theme.font;
      ctx.textAlign = left ? "left" : "right";
      const y = chart.marker.below ? chartArea.bottom - 8 : chartArea.top + 11;
      ctx.fillText(chart.marker.label, x + (left ? 6 : -6), y);
      ctx.restore();
    },
  });

  const scale = (axis, theme, { title, grid }) => ({
    type: "linear",
    min: axis.min,
    max: axis.max,
    title: { display: title, text: axis.label, color: theme.muted },
    ticks: {
      stepSize: axis.step,
      includeBounds: false,
      color: theme.muted,
      callback: (value) => show(axis, value),
      maxRotation: 0,
    },
    grid: { display: grid, color: theme.line, borderColor: theme.line, drawTicks: false },
  });

  const dataset = (series, theme) => ({
    label: series.label,
    data: series.points,
    borderColor: theme.series(series.color),
    backgroundColor: theme.series(series.color),
    borderWidth: series.color < 0 ? 1 : 2,
    borderDash: series.color < 0 ? [4, 4] : [],
    pointRadius: series.dots || series.points.length === 1 ? 3.5 : 0,
    pointHitRadius: 8,
    pointHoverRadius: 4,
  });

  const tooltip = (chart, theme) => ({
    backgroundColor: theme.ink,
    titleColor: theme.card,
    bodyColor: theme.card,
    padding: 10,
    boxPadding: 4,
    filter: (item) => chart.series[item.datasetIndex].color >= 0,
    callbacks: {
      title: (items) => (items.length ? chart.x.label + " " + show(chart.x, items[0].parsed.x, chart.x.digits > 0) : ""),
      label: (item) => " " + item.dataset.label + "  " + show(chart.y, item.parsed.y, true),
    },
  });

  const draw = (chart, theme) => {
    const plot = document.querySelector("#chart-" + chart.id + " .plot");
    const canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", plot.querySelector("svg").getAttribute("aria-label"));
    plot.append(canvas);
    const drawn = new Chart(canvas, {
      type: "line",
      data: { datasets: chart.series.map((series) => dataset(series, theme)) },
      options: {
        animation: false,
        maintainAspectRatio: false,
        parsing: false,
        font: { family: theme.font },
        interaction: { mode: chart.x.label === "epoch" ? "x" : "nearest", intersect: false },
        scales: {
          x: scale(chart.x, theme, { title: true, grid: false }),
          y: scale(chart.y, theme, { title: chart.square, grid: true }),
        },
        plugins: { legend: { display: false }, tooltip: tooltip(chart, theme) },
      },
      plugins: [marker(chart, theme)],
    });
    plot.dataset.points = chart.series.map((_, index) => drawn.getDatasetMeta(index).data.length).join(" ");
    return { drawn, canvas };
  };

  let charts = [];
  const drawAll = () => {
    for (const { drawn, canvas } of charts) {
      drawn.destroy();
      canvas.remove();
    }
    const theme = style();
    Chart.defaults.font.family = theme.font;
    charts = JSON.parse(document.getElementById("chart-data").textContent).map((chart) => draw(chart, theme));
    root.dataset.charts = "ok";
  };

  try {
    drawAll();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  } catch (error) {
    fail(error.message);
  }
})();
