// A run under a finger. What is asked of the server: the names below its own address, and nothing else.
"use strict";
const find = id => document.getElementById(id);
const make = (tag, given = {}, ...inside) => {
  const made = Object.assign(document.createElement(tag), given);
  made.append(...inside);  // texts stay texts, whatever is written in them
  return made;
};
const MAP = "map", PAGE = 48, CHUNK = 100, MOST_NAMES = 30;
const nothing = () => Object.create(null);  // an object that lacks even what all others have, whose names controls may bear
let about = null;   // what the run has, as the server says it
let view = null;    // what is shown, and what the address says
let moved = "";     // the slider that was moved last: an animation goes along it
let picking = 0;    // which of the images a test image becomes

// --- asking ---

const lost = message => { find("lost").textContent = message; find("lost").hidden = !message; };
const gone = () => lost("The server has ended, so nothing moves any more. Start it again: semreg explore RUN");

async function ask(name, body) {
  let answer;
  try {
    const raw = body instanceof Blob;
    answer = await fetch(name, body === undefined ? {} : { method: "POST", body: raw ? body : JSON.stringify(body) });
  } catch (error) {
    gone();
    return null;
  }
  if (answer.ok) {
    lost("");
    return answer;
  }
  const { error } = await answer.json();
  if (answer.status === 410) lost(error);
  else throw new Error(error);
  return null;
}

// Newest wins: one request is under way, and of what is wanted meanwhile only the last is asked for.
function newest(work) {
  let busy = false, wanted = null;
  return async given => {
    wanted = { given };
    if (busy) return;
    busy = true;
    const late = setTimeout(() => document.body.classList.add("busy"), 400);
    while (wanted) {
      const now = wanted;
      wanted = null;
      try { await work(now.given); } catch (error) { wrong(error.message); }
    }
    clearTimeout(late);
    document.body.classList.remove("busy");
    busy = false;
  };
}

const wrong = message => { find("wrong").textContent = message; find("wrong").hidden = !message; };

async function atlas(answer) {
  const { counts, width, height, png } = answer;
  if (!png) return { counts, draw: () => {} };
  const bytes = Uint8Array.from(atob(png), one => one.charCodeAt(0));
  const picture = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const draw = (canvas, row, column) => {
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    canvas.getContext("2d").drawImage(picture, column * width, row * height, width, height, 0, 0, width, height);
  };
  return { counts, draw };
}

// --- addresses ---

const panelOf = name => about.panels.find(panel => panel.name === name);

function read() {
  const said = new URLSearchParams(location.hash.slice(1)), values = nothing();
  for (const [key, value] of said) if (key.startsWith("v.")) values[key.slice(2)] = value;
  const known = said.get("panel") === MAP && about.codes.length ? MAP : panelOf(said.get("panel"))?.name;
  const number = key => Number(said.get(key)) || 0;
  return {
    panel: known || about.panels[0].name,
    images: [0, 1].map(place => said.get(`image${place + 1}`) || (about.tests > place ? `test:${place}` : "")),
    values, told: said.get("told") || "",
    code: said.get("code") || about.codes[0], colour: said.get("colour") || about.colours[0],
    dimensions: said.get("dimensions") === "3" ? 3 : 2, yaw: number("yaw"), pitch: number("pitch"),
    rectangle: (said.get("rectangle") || "").split(",").map(Number).filter(Number.isFinite),
    chosenOn: about.codes.includes(said.get("on")) ? said.get("on") : about.codes[0],
  };
}

// Browsers refuse to have their address changed hundreds of times in some seconds, as a slider would.
let writing = 0;
function write() {
  clearTimeout(writing);
  writing = setTimeout(writeNow, 200);
}

function writeNow() {
  clearTimeout(writing);
  const said = new URLSearchParams({ panel: view.panel });
  if (view.panel === MAP) {
    for (const key of ["code", "colour", "dimensions"]) said.set(key, view[key]);
    if (view.dimensions === 3) for (const key of ["yaw", "pitch"]) said.set(key, view[key].toFixed(3));
    if (view.rectangle.length === 4) {
      said.set("rectangle", view.rectangle.map(one => one.toFixed(3)).join());
      said.set("on", view.chosenOn);
    }
  } else {
    view.images.slice(0, panelOf(view.panel).images).forEach((image, place) => said.set(`image${place + 1}`, image));
    if (view.told) said.set("told", view.told);
    for (const [name, value] of Object.entries(view.values)) said.set(`v.${name}`, value);
  }
  history.replaceState(null, "", `#${said}`);
}

// What the server is asked to show: of the values those of the panel's controls, numbers as numbers.
function asked() {
  const panel = panelOf(view.panel), values = nothing();
  for (const control of panel.controls) {
    const value = view.values[control.name];
    if (value !== undefined) values[control.name] = control.kind === "slider" ? Number(value) : value;
  }
  return { panel: panel.name, images: view.images.slice(0, panel.images), values, told: view.told };
}

// --- a panel ---

const show = newest(async () => {
  if (view.panel === MAP) return;
  const now = asked();
  if (now.images.some(image => !image)) return wrong("Choose an image, or drop one.");
  const answer = await ask("decode", now);
  if (!answer) return;
  const found = await answer.json(), pictures = await atlas(found);
  if (now.panel !== view.panel) return;
  wrong("");
  drawStrips(found.strips, pictures);
  stand(found.values);
});

function drawStrips(strips, { counts, draw }) {
  const place = find("strips"), shape = JSON.stringify(counts);
  if (place.dataset.shape !== shape) {
    place.dataset.shape = shape;
    place.classList.toggle("few", Math.max(...counts, 0) <= 2);
    place.replaceChildren(...counts.map(count => {
      const tiles = Array.from({ length: count }, () => make("div", { className: "tile" }, make("canvas"), make("span")));
      return make("div", { className: "strip" }, make("h3"), make("div", { className: "tiles" }, ...tiles));
    }));
  }
  strips.forEach((strip, row) => {
    const shown = place.children[row];
    shown.firstChild.textContent = strip.name;
    shown.firstChild.hidden = !strip.name;
    [...shown.lastChild.children].forEach((tile, column) => {
      draw(tile.firstChild, row, column);
      tile.lastChild.textContent = strip.labels[column] || "";
    });
  });
  place.dataset.drawn = Number(place.dataset.drawn || 0) + 1;
}

// Where controls stand that nobody moved: at what the image has by itself.
function stand(values) {
  for (const control of find("controls").children) {
    const { name } = control.dataset, input = control.querySelector("input, select");
    if (!input || values[name] === undefined || view.values[name] !== undefined) continue;
    input.value = values[name];
    tell(control);
  }
}

function tell(control) {
  const said = control.querySelector("output");
  if (!said) return;
  const { min, max, value } = control.querySelector("input");
  const digits = Math.max(0, Math.min(9, 3 - Math.ceil(Math.log10(max - min))));  // a thousandth of the way shows
  said.textContent = Number(Number(value).toFixed(digits));
}

function controlOf(control) {
  const named = { className: "control" }, name = make("span", { textContent: control.name });
  let made;
  if (control.kind === "slider") {
    const step = control.step || "any";
    const input = make("input", { type: "range", min: control.low, max: control.high, step });
    input.value = view.values[control.name] ?? control.value;
    input.addEventListener("input", () => {
      view.values[control.name] = input.value;
      moved = control.name;
      tell(made);
      changed();
    });
    made = make("label", named, name, input, make("output"));
    tell(made);
  } else if (control.kind === "choice") {
    const select = make("select", {}, ...control.options.map(option => make("option", { value: option, textContent: option })));
    select.value = view.values[control.name] ?? control.value;
    select.addEventListener("change", () => { view.values[control.name] = select.value; changed(); });
    made = make("label", named, name, select);
  } else {
    const clear = make("button", { type: "button", textContent: "Clear the painting" });
    clear.addEventListener("click", () => { delete view.values[control.name]; drawSlots(); changed(); });
    made = make("div", { className: "row" }, clear);
  }
  made.dataset.name = control.name;
  return made;
}

function changed() {
  write();
  show();
}

function open() {
  const panel = panelOf(view.panel);
  for (const tab of find("panels").children) tab.setAttribute("aria-selected", tab.dataset.name === view.panel);
  find("panel").hidden = view.panel === MAP;
  find("map").hidden = view.panel !== MAP;
  tip(null);
  wrong("");
  moved = "";
  if (view.panel === MAP) {
    find("about").textContent = "The codes of test images, along the directions in which they differ most. Point at one to see its image, and press it to take it to the other panels.";
    for (const key of ["code", "colour", "dimensions"]) find(key).value = view[key];
    drawMap();
    return;
  }
  find("about").textContent = panel.about;
  find("controls").replaceChildren(...panel.controls.map(controlOf));
  find("reset").hidden = !panel.controls.length;
  find("given").hidden = !panel.images && !panel.controls.length;
  find("tests").hidden = !(panel.images && about.tests);
  find("told").hidden = !(panel.images && about.told.length);
  find("strips").dataset.shape = "";
  find("strips").replaceChildren();
  picking = Math.min(picking, Math.max(0, panel.images - 1));
  drawSlots();
  show();
}

// --- images ---

function drawSlots() {
  const panel = panelOf(view.panel);
  const mask = panel.controls.find(control => control.kind === "mask");
  find("slots").replaceChildren(...Array.from({ length: panel.images }, (_, place) => slotOf(place, panel, place ? null : mask)));
}

function slotOf(place, panel, mask) {
  const pair = make("div", { className: "pair" });
  const file = make("input", { type: "file", accept: "image/*", hidden: true });
  const browse = make("button", { type: "button", textContent: "Choose a file" });
  const name = panel.images > 1 ? ["First image", "Second image"][place] : "Image";
  const slot = make("div", { className: "slot" }, make("div", { className: "row" }, make("b", { textContent: name })), pair);
  slot.append(make("div", { className: "row" }, browse, file, make("span", { textContent: about.size ? "or drop one here" : "" })));
  browse.hidden = !about.size;
  browse.addEventListener("click", () => file.click());
  file.addEventListener("change", () => { if (file.files.length) take(file.files[0], place); });
  slot.addEventListener("dragover", event => { event.preventDefault(); slot.classList.add("over"); });
  slot.addEventListener("dragleave", () => slot.classList.remove("over"));
  slot.addEventListener("drop", event => {
    event.preventDefault();
    slot.classList.remove("over");
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0], place);
  });
  if (panel.images > 1) {
    const pick = make("button", { type: "button", textContent: "Choose a test image below" });
    pick.addEventListener("click", () => { picking = place; drawSlots(); });
    slot.lastChild.append(pick);
    pick.hidden = !about.tests;
    slot.classList.toggle("picking", picking === place);
  }
  slot.classList.toggle("large", Boolean(mask));
  if (view.images[place]) fill(pair, view.images[place], mask);
  return slot;
}

async function fill(pair, image, mask) {
  try {
    const answer = await ask("image", { image, told: view.told });
    if (!answer) return;
    const { counts, draw } = await atlas(await answer.json());
    const titles = mask ? ["paint here"] : ["as the run sees it", "as the run makes it"].slice(0, counts[0]);
    pair.replaceChildren(...titles.map((title, column) => {
      const canvas = make("canvas");
      draw(canvas, 0, column);
      return make("figure", {}, canvas, ...(mask && !column ? [brushOf(canvas, mask)] : []), make("figcaption", { textContent: title }));
    }));
  } catch (error) {
    wrong(error.message);
  }
}

async function take(file, place) {
  try {
    if (file.size > about.most_bytes) throw new Error(`${file.size} bytes are more than the ${about.most_bytes} that are read of an image`);
    const answer = await ask("encode", file.slice());
    if (!answer) return;
    view.images[place] = (await answer.json()).image;
    forget();
    drawSlots();
    changed();
  } catch (error) {
    wrong(`${file.name}: ${error.message}`);
  }
}

for (const kind of ["dragover", "drop"]) addEventListener(kind, event => event.preventDefault());

// Another image has codes of its own: sliders stand at these again.
function forget() {
  view.values = nothing();
  for (const control of panelOf(view.panel).controls) {
    const input = [...find("controls").children].find(one => one.dataset.name === control.name)?.querySelector("input, select");
    if (input) input.value = control.value;
  }
}

// A mask is painted pixel by pixel; an address has its bits, row by row.
function brushOf(canvas, mask) {
  const { width, height } = canvas, drawn = make("canvas", { width, height, className: "mask" });
  const bits = new Uint8Array(width * height), said = view.values[mask.name];
  const packed = said ? Uint8Array.from(atob(said.replaceAll("-", "+").replaceAll("_", "/")), one => one.charCodeAt(0)) : [];
  for (let at = 0; at < bits.length; at++) bits[at] = packed[at >> 3] >> (7 - at % 8) & 1;
  const context = drawn.getContext("2d");
  context.fillStyle = "#e0409b";
  const draw = () => {
    context.clearRect(0, 0, width, height);
    for (let at = 0; at < bits.length; at++) if (bits[at]) context.fillRect(at % width, Math.floor(at / width), 1, 1);
  };
  const paint = event => {
    const box = drawn.getBoundingClientRect(), radius = Math.max(0.7, width / 12);
    const [x, y] = [(event.clientX - box.left) / box.width * width, (event.clientY - box.top) / box.height * height];
    for (let at = 0; at < bits.length; at++) {
      if (Math.hypot(at % width + 0.5 - x, Math.floor(at / width) + 0.5 - y) < radius) bits[at] = 1;
    }
    const bytes = new Uint8Array(Math.ceil(bits.length / 8));
    bits.forEach((bit, at) => { bytes[at >> 3] |= bit << (7 - at % 8); });
    view.values[mask.name] = btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
    draw();
    changed();
  };
  let held = false;
  drawn.addEventListener("pointerdown", event => { held = true; drawn.setPointerCapture(event.pointerId); paint(event); });
  drawn.addEventListener("pointermove", event => { if (held) paint(event); });
  for (const end of ["pointerup", "pointercancel"]) drawn.addEventListener(end, () => { held = false; });
  drawn.setAttribute("aria-label", "paint the part to take away");
  draw();
  return drawn;
}

// Test images, fetched a hundred at a time and kept.
const chunks = new Map();
function tests(first) {
  if (!chunks.has(first)) {
    chunks.set(first, ask("tests", { first, count: CHUNK }).then(async answer => {
      if (!answer) chunks.delete(first);
      return answer ? atlas(await answer.json()) : null;
    }));
  }
  return chunks.get(first);
}

async function drawTest(canvas, place) {
  const chunk = await tests(place - place % CHUNK);
  if (chunk) chunk.draw(canvas, 0, place % CHUNK);
}

function thumbOf(place) {
  const canvas = make("canvas"), button = make("button", { type: "button", title: `test image ${place}` }, canvas);
  drawTest(canvas, place).catch(error => wrong(error.message));
  button.addEventListener("click", () => {
    view.images[picking] = `test:${place}`;
    if (view.panel === MAP) view.panel = about.panels.find(panel => panel.images)?.name || view.panel;
    view.values = nothing();
    writeNow();
    open();
  });
  return button;
}

function moreTests() {
  const thumbs = find("tests").firstChild, from = thumbs.children.length, until = Math.min(about.tests, from + PAGE);
  for (let place = from; place < until; place++) thumbs.append(thumbOf(place));
  find("tests").querySelector(".more").hidden = until >= about.tests;
}

// --- saving ---

const nameOf = ending => `${`${about.title} ${view.panel}`.replace(/[^\p{L}\p{N}]+/gu, "_")}.${ending}`;

async function save(kind) {
  try {
    const answer = await ask("save", { ...asked(), kind, along: kind === "gif" ? along() : "" });
    if (!answer) return;
    const address = URL.createObjectURL(await answer.blob());
    make("a", { href: address, download: nameOf(kind) }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  } catch (error) {
    wrong(error.message);
  }
}

// A strip of several pictures moves by itself; a single picture along the slider that was moved last, or the first.
function along() {
  if (find("strips").querySelector(".strip")?.lastChild.children.length > 1) return "";
  const sliders = panelOf(view.panel).controls.filter(control => control.kind === "slider").map(control => control.name);
  return sliders.includes(moved) ? moved : sliders[0] || "";
}

const copy = (text, button) => navigator.clipboard.writeText(text).then(() => {
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = before; }, 1200);
});

// --- the map ---

let points = null, seen = [], side = 0;
async function mapOf(code) {
  const answer = await ask("map", { code, colour: view.colour });
  return answer && answer.json();
}
const drawMap = newest(async () => {
  const key = `${view.code}\n${view.colour}`;
  if (!points || points.key !== key) {
    const found = await mapOf(view.code);
    if (!found) return;
    points = { key, ...found };
    find("points").setAttribute("aria-label", `the codes ${view.code} of ${points.points.length} test images`);
    const there = [...new Set(points.classes)].sort((a, b) => a - b);
    find("legend").replaceChildren(...there.slice(0, MOST_NAMES).map(owner => {
      const dot = make("i");
      dot.style.background = points.colours[owner];
      return make("span", {}, dot, points.names[owner]);
    }), there.length > MOST_NAMES ? `and ${there.length - MOST_NAMES} more` : "");
  }
  if (view.rectangle.length === 4 && !chosen.length) {
    const own = view.chosenOn === view.code ? points : await mapOf(view.chosenOn);
    chosen = own ? inside(own.points) : [];
  }
  paintMap();
  listChosen();
});

function paintMap() {
  const canvas = find("points"), context = canvas.getContext("2d");
  side = Math.round(canvas.clientWidth * (devicePixelRatio || 1));
  if (!points || !side || view.panel !== MAP) return;
  canvas.width = canvas.height = side;
  canvas.classList.toggle("flat", view.dimensions === 2);
  const { yaw, pitch } = view, flat = view.dimensions === 2;
  const [sy, cy, sp, cp] = [Math.sin(yaw), Math.cos(yaw), Math.sin(pitch), Math.cos(pitch)];
  seen = points.points.map(([x, y, z], place) => {
    if (flat) return { x: side * across(x), y: side * down(y), place, depth: 0, size: 0.006 };
    const away = z * cy - x * sy, depth = y * sp + away * cp, near = 2.4 / (3.4 - depth);
    const right = x * cy + z * sy, up = y * cp - away * sp;
    return { x: side * (0.5 + 0.5 * right * near), y: side * (0.5 - 0.5 * up * near), place, depth, size: 0.006 * near };
  });
  seen.sort((a, b) => a.depth - b.depth);
  const shown = new Set(chosen);
  for (const { x, y, place, size } of seen) {
    context.globalAlpha = !shown.size || shown.has(place) ? 0.85 : 0.15;
    context.fillStyle = points.colours[points.classes[place]];
    context.beginPath();
    context.arc(x, y, side * size, 0, 7);
    context.fill();
  }
  context.globalAlpha = 1;
  if (view.rectangle.length === 4 && flat && view.chosenOn === view.code) {
    const [left, top, right, bottom] = view.rectangle.map(one => one * side);
    context.strokeStyle = getComputedStyle(canvas).color;
    context.strokeRect(left, top, right - left, bottom - top);
  }
  canvas.dataset.drawn = Number(canvas.dataset.drawn || 0) + 1;
}

// What a rectangle holds in two dimensions stays chosen in three, and for another code that is looked at.
let chosen = [];
const across = x => 0.5 + 0.47 * x, down = y => 0.5 - 0.47 * y;
function inside(places) {
  const [left, top, right, bottom] = view.rectangle;
  const fits = ([x, y]) => across(x) >= left && across(x) <= right && down(y) >= top && down(y) <= bottom;
  return places.map((_, place) => place).filter(place => fits(places[place]));
}

function listChosen() {
  const places = chosen, counts = new Map();
  for (const place of places) counts.set(points.classes[place], (counts.get(points.classes[place]) || 0) + 1);
  const said = [...counts].sort((a, b) => b[1] - a[1]).map(([owner, count]) => `${count} ${points.names[owner]}`);
  if (said.length > MOST_NAMES) said.splice(MOST_NAMES, Infinity, `and of ${said.length - MOST_NAMES} more`);
  find("chosen").textContent = places.length ? `${places.length} images: ${said.join(", ")}` : "";
  find("brushed").replaceChildren(...places.slice(0, PAGE).map(thumbOf));
}

const tip = async (near, event) => {
  const shown = find("tip");
  shown.hidden = !near;
  if (!near) return;
  shown.lastChild.textContent = `${points.names[points.classes[near.place]]} · test image ${near.place}`;
  shown.style.left = `${Math.min(event.clientX + 14, innerWidth - 130)}px`;
  shown.style.top = `${Math.max(8, event.clientY - 150)}px`;
  if (shown.dataset.place === String(near.place)) return;
  shown.dataset.place = near.place;
  await drawTest(shown.firstChild, near.place).catch(() => {});
};

function followMap() {
  const canvas = find("points");
  let held = null, from = null, turned = false;
  const at = event => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  const nearest = event => {
    const [x, y] = at(event).map(one => one * side);
    const near = seen.filter(point => Math.hypot(point.x - x, point.y - y) < side * 0.015);
    return near[near.length - 1];
  };
  canvas.addEventListener("pointerdown", event => {
    [held, from, turned] = [event, at(event), false];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", event => {
    if (!held) return tip(nearest(event), event);
    tip(null);
    if (Math.hypot(event.clientX - held.clientX, event.clientY - held.clientY) < 3 && !turned) return;
    if (find("brush").checked && view.dimensions === 2) {
      const to = at(event);
      view.rectangle = [0, 1].map(axis => Math.min(from[axis], to[axis])).concat([0, 1].map(axis => Math.max(from[axis], to[axis])));
      view.chosenOn = view.code;
      chosen = inside(points.points);
    } else if (view.dimensions === 3) {
      view.yaw += (event.clientX - held.clientX) * 0.01;
      view.pitch = Math.max(-1.57, Math.min(1.57, view.pitch + (event.clientY - held.clientY) * 0.01));
      held = event;
    }
    turned = true;
    paintMap();
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, event => {
    const near = held && !turned && nearest(event);
    held = null;
    if (turned) listChosen();
    else if (near) thumbOf(near.place).click();
    else if (view.rectangle.length) { view.rectangle = chosen = []; paintMap(); listChosen(); }
    if (view.panel === MAP) write();
  });
  canvas.addEventListener("pointerleave", () => tip(null));
  canvas.addEventListener("keydown", event => {
    const step = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
    if (!step || view.dimensions !== 3) return;
    event.preventDefault();
    view.yaw += step[0];
    view.pitch = Math.max(-1.57, Math.min(1.57, view.pitch + step[1]));
    paintMap();
    write();
  });
  addEventListener("resize", paintMap);
  for (const key of ["code", "colour", "dimensions"]) find(key).addEventListener("change", () => {
    view[key] = key === "dimensions" ? Number(find(key).value) : find(key).value;
    write();
    drawMap();
  });
}

// --- beginning ---

async function begin() {
  const answer = await ask("state");
  if (!answer) return;
  about = await answer.json();
  document.title = `${about.title} · semreg explore`;
  find("title").textContent = about.title;
  find("folder").textContent = about.folder;
  find("left_out").textContent = about.left_out.map(reason => `Left out: ${reason}`).join("\n");
  const tabs = about.panels.map(({ name, title }) => [name, title]).concat(about.codes.length && about.tests ? [[MAP, "Map"]] : []);
  find("panels").append(...tabs.map(([name, title]) => {
    const tab = make("button", { type: "button", textContent: title });
    tab.dataset.name = name;
    tab.setAttribute("role", "tab");
    tab.addEventListener("click", () => { if (view.panel !== name) { view.panel = name; view.values = nothing(); writeNow(); open(); } });
    return tab;
  }));
  const options = (select, texts) => select.append(...texts.map(text => make("option", { value: text, textContent: text })));
  options(find("code"), about.codes);
  options(find("colour"), about.colours);
  const told = find("told").querySelector("select");
  options(told, about.told);
  told.addEventListener("change", () => { view.told = told.value; drawSlots(); changed(); });
  find("tests").querySelector(".more").addEventListener("click", moreTests);
  find("reset").addEventListener("click", () => { forget(); drawSlots(); changed(); });
  for (const kind of ["png", "gif"]) find(kind).addEventListener("click", () => save(kind));
  find("address").addEventListener("click", event => { writeNow(); copy(location.href, event.target); });
  find("python").addEventListener("click", async () => {
    try {
      const lines = await ask("python", asked());
      if (!lines) return;
      find("lines").querySelector("pre").textContent = (await lines.json()).python;
      find("lines").showModal();
    } catch (error) {
      wrong(error.message);
    }
  });
  find("lines").querySelector(".shut").addEventListener("click", () => find("lines").close());
  find("lines").querySelector(".copy").addEventListener("click", event => copy(find("lines").querySelector("pre").textContent, event.target));
  followMap();
  const restore = () => { clearTimeout(writing); view = read(); chosen = []; told.value = view.told || about.told[0] || ""; open(); };
  addEventListener("hashchange", restore);
  restore();
  if (about.tests) moreTests();
  setInterval(() => ask("alive").catch(() => {}), 2000);
}
begin().catch(error => wrong(error.message));
