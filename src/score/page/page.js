"use strict";
// The table sorts; the viewer shows results, reference and differences, moved and zoomed together.
const data = JSON.parse(document.getElementById("data").textContent);
const element = (id) => document.getElementById(id);
const make = (name, parent, properties = {}) => parent.appendChild(Object.assign(document.createElement(name), properties));

// ---- The table ----

const rows = element("figures").tBodies[0];
const headings = [...element("figures").tHead.rows[0].cells];

function sort(column) {
  const heading = headings[column];
  // Names begin at A, figures with the worst.
  const descending = heading.ariaSort === "ascending";
  headings.forEach((other) => { other.ariaSort = "none"; });
  heading.ariaSort = descending ? "descending" : "ascending";
  const value = (row) => row.cells[column].dataset.value;
  const number = (row) => (value(row) === "inf" ? Infinity : value(row) === "-inf" ? -Infinity : Number(value(row)));
  const name = (row) => row.cells[0].textContent;
  const byName = (a, b) => name(a).localeCompare(name(b), undefined, { numeric: true });
  const difference = (a, b) => (number(a) === number(b) ? 0 : number(a) < number(b) ? -1 : 1);
  const order = column === 0 ? byName : (a, b) => difference(a, b) || byName(a, b);
  rows.append(...[...rows.rows].sort((a, b) => (descending ? order(b, a) : order(a, b))));
}
headings.forEach((heading, column) => heading.firstChild.addEventListener("click", () => sort(column)));

// ---- The viewer ----

const panes = element("panes");
let shown = 0;
let layers = [];
let size = { width: 1, height: 1 };
// Screen pixels a picture pixel, and the picture's point at the panes' upper left corner.
let view = { zoom: 1, x: 0, y: 0 };

const paneSize = () => ({ width: panes.querySelector(".pane").clientWidth, height: panes.querySelector(".pane").clientHeight });
const fitting = () => Math.min(paneSize().width / size.width, paneSize().height / size.height);

function place() {
  const pane = paneSize();
  view.zoom = Math.min(Math.max(view.zoom, fitting()), 64);
  // A picture larger than its pane covers it, a smaller one is in its middle.
  const bounded = (at, all, part) => (all <= part ? (all - part) / 2 : Math.min(Math.max(at, 0), all - part));
  view.x = bounded(view.x, size.width, pane.width / view.zoom);
  view.y = bounded(view.y, size.height, pane.height / view.zoom);
  for (const layer of layers) {
    layer.style.transform = `scale(${view.zoom}) translate(${-view.x}px, ${-view.y}px)`;
    layer.style.setProperty("--zoom", view.zoom);
    layer.classList.toggle("large", view.zoom >= 2);
  }
  element("zoom").value = `${Math.round(view.zoom * 100)} %`;
}

/** Zooms by a factor; the point at x, y in a pane stays where it is. */
function zoom(factor, x = paneSize().width / 2, y = paneSize().height / 2) {
  const before = view.zoom;
  const after = Math.min(Math.max(before * factor, fitting()), 64);
  view = { zoom: after, x: view.x + x / before - x / after, y: view.y + y / before - y / after };
  place();
}

function fit() {
  view = { zoom: 0, x: 0, y: 0 };
  place();
}

/** Shows a tile as large as leaves some of its surroundings. */
function showTile(mark) {
  const pane = paneSize();
  const zoom = Math.max(fitting(), Math.min(pane.width, pane.height) / (1.5 * Math.max(mark.width, mark.height)));
  view = { zoom, x: mark.x + mark.width / 2 - pane.width / zoom / 2, y: mark.y + mark.height / 2 - pane.height / zoom / 2 };
  place();
}

function listen(pane) {
  pane.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = pane.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  pane.addEventListener("pointerdown", (event) => pane.setPointerCapture(event.pointerId));
  pane.addEventListener("pointermove", (event) => {
    if (!pane.hasPointerCapture(event.pointerId)) return;
    view.x -= event.movementX / view.zoom;
    view.y -= event.movementY / view.zoom;
    place();
  });
  pane.addEventListener("dblclick", fit);
}

function addPane(title) {
  const figure = make("figure", panes);
  make("figcaption", figure, { textContent: title, title });
  const pane = make("div", figure, { className: "pane" });
  listen(pane);
  const layer = make("div", pane, { className: "layer" });
  layers.push(layer);
  return layer;
}

const over = (item, part) => Object.assign(item.style, {
  left: `${part.left ?? part.x}px`, top: `${part.top ?? part.y}px`, width: `${part.width}px`, height: `${part.height}px`,
});

function addImages(layer, views, at) {
  return views.map((part) => {
    const image = make("img", layer, { src: part.images[at], alt: "", draggable: false });
    over(image, part);
    return image;
  });
}

function addMarks(layer, marks, side) {
  for (const mark of marks) over(make("div", layer, { className: `mark ${side}` }), mark);
}

/** The pixels of an image, once it is there. */
async function pixels(image) {
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** Canvases of the differences; `draw` paints them with the gain that is set. */
async function addDifferences(layer, views, images, references) {
  const parts = await Promise.all(views.map(async (part, at) => {
    const [a, b] = await Promise.all([pixels(images[at]), pixels(references[at])]);
    const canvas = make("canvas", layer, { width: a.width, height: a.height });
    over(canvas, part);
    return { canvas, a: a.data, b: b.data };
  }));
  layer.draw = () => {
    const gain = Number(element("gain").value);
    for (const { canvas, a, b } of parts) {
      const context = canvas.getContext("2d");
      const out = context.createImageData(canvas.width, canvas.height);
      for (let i = 0; i < a.length; i++) out.data[i] = i % 4 === 3 ? 255 : gain * Math.abs(a[i] - b[i]);
      context.putImageData(out, 0, 0);
    }
  };
  layer.draw();
}

const letter = (result) => (data.results.length > 1 ? "AB"[result] : "");

function addTileButtons(marks) {
  element("tiles").replaceChildren();
  marks.forEach((tiles, result) => tiles.forEach((mark, at) => {
    const text = `${letter(result)} tile ${at + 1}: ${mark.psnr.toFixed(1)} dB`.trim();
    const button = make("button", element("tiles"), { type: "button", textContent: text, className: "ab"[result] });
    button.addEventListener("click", () => showTile(mark));
  }));
}

function show(index) {
  shown = (index + data.exhibits.length) % data.exhibits.length;
  const { name, views, marks } = data.exhibits[shown];
  size = views[0];
  layers = [];
  panes.replaceChildren();
  const count = data.results.length;
  const images = data.results.map((result, at) => {
    const layer = addPane(count > 1 ? `${letter(at)}: ${result}` : result);
    const images = addImages(layer, views, at);
    addMarks(layer, marks[at], "ab"[at]);
    return images;
  });
  const references = addImages(addPane("reference"), views, count);
  images.forEach((images, at) => {
    const layer = addPane(`difference ${letter(at)}`.trim());
    addDifferences(layer, views, images, references).then(() => addMarks(layer, marks[at], "ab"[at]));
  });
  const height = Math.max(200, Math.min(panes.querySelector(".pane").clientWidth * size.height / size.width, innerHeight * 0.6));
  panes.querySelectorAll(".pane").forEach((pane) => { pane.style.height = `${height}px`; });
  addTileButtons(marks);
  element("picture").value = shown;
  element("shrunk").textContent = views[0].shrunk === 1 ? "" :
    `This picture is shown ${views[0].shrunk} times smaller, its marked tiles with all their pixels; the figures are of all its pixels.`;
  for (const row of rows.rows) row.classList.toggle("current", row.cells[0].textContent === name);
  fit();
}

function start() {
  element("viewer").hidden = false;
  data.exhibits.forEach(({ name }, index) => make("option", element("picture"), { value: index, textContent: name }));
  const places = new Map(data.exhibits.map(({ name }, index) => [name, index]));
  for (const row of rows.rows) {
    const index = places.get(row.cells[0].textContent);
    if (index === undefined) continue;
    row.classList.add("shown");
    row.addEventListener("click", () => { show(index); element("viewer").scrollIntoView({ block: "nearest" }); });
  }
  const actions = {
    previous: () => show(shown - 1), next: () => show(shown + 1), in: () => zoom(1.5), out: () => zoom(1 / 1.5), fit,
  };
  for (const [id, action] of Object.entries(actions)) element(id).addEventListener("click", action);
  element("picture").addEventListener("change", (event) => show(Number(event.target.value)));
  element("gain").addEventListener("input", () => {
    element("gain-value").value = element("gain").value;
    layers.forEach((layer) => layer.draw?.());
  });
  const keys = { ArrowLeft: "previous", ArrowRight: "next", "+": "in", "-": "out", 0: "fit" };
  addEventListener("keydown", (event) => {
    if (event.target.matches("select, input") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (keys[event.key]) actions[keys[event.key]]();
  });
  addEventListener("resize", place);
  show(0);
}
if (data.exhibits.length > 0) start();
