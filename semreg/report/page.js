// What moves on a page: walks through pictures, enlarged pictures, curves, points in space. Without it all is there to see.
"use strict";
const make = (tag, given = {}, ...inside) => {
  const made = Object.assign(document.createElement(tag), given);
  made.append(...inside);
  return made;
};

// Values under the pointer.
const tip = document.body.appendChild(make("div", { className: "tip", hidden: true }));
const say = (text, event, ...pictures) => {
  tip.hidden = !text;
  if (!text) return;
  tip.replaceChildren(...pictures, text);
  tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${Math.max(8, event.clientY - tip.offsetHeight - 12)}px`;
};

// Pictures enlarge, and can be saved.
const large = make("img"), saved = make("a", { textContent: "Save" }), title = make("span");
const shut = make("button", { textContent: "Close", type: "button" });
const box = document.body.appendChild(make("dialog", {}, make("div", { className: "bar" }, title, saved, shut), large));
const enlarge = picture => {
  Object.assign(large, { src: picture.src, alt: picture.alt });
  title.textContent = picture.alt;
  Object.assign(saved, { href: picture.src, download: `${picture.alt.replace(/[^\p{L}\p{N}]+/gu, "_") || "picture"}.png` });
  large.classList.remove("whole");
  box.showModal();
};
shut.addEventListener("click", () => box.close());
box.addEventListener("click", event => { if (event.target === box) box.close(); });
large.addEventListener("click", () => large.classList.toggle("whole"));
for (const picture of document.querySelectorAll("figure img")) {
  Object.assign(picture, { tabIndex: 0, title: "Enlarge" });
  picture.setAttribute("role", "button");
  picture.addEventListener("click", () => enlarge(picture));
  picture.addEventListener("keydown", event => { if (event.key === "Enter") enlarge(picture); });
}

const slider = (count, name, move) => {
  const range = make("input", { type: "range", min: 0, max: count - 1, value: 0 }), said = make("output");
  range.setAttribute("aria-label", name);
  const moved = () => { said.textContent = move(Number(range.value)); };
  range.addEventListener("input", moved);
  moved();
  return make("div", { className: "slider" }, range, said);
};

// A picture's images, column by column: they are cut out of the picture itself.
for (const figure of document.querySelectorAll("figure[data-walk]")) {
  const walk = JSON.parse(figure.dataset.walk), picture = figure.querySelector("img");
  const count = Math.max(...walk.boxes.map(row => row.length));
  const tiles = walk.boxes.map((row, place) => {
    const canvas = make("canvas", { width: row[0][2], height: row[0][3] }), said = make("span");
    const scale = walk.boxes.length > 4 ? 84 : 128;
    canvas.style.width = `${Math.round(scale * Math.min(1, canvas.width / canvas.height))}px`;
    const tile = make("div", { className: "tile" }, make("b", { textContent: walk.rows[place] }), canvas, said);
    return { row, canvas, said, tile, labels: walk.labels[place] || [] };
  });
  const move = at => {
    for (const { row, canvas, said, tile, labels } of tiles) {
      tile.style.visibility = at < row.length ? "" : "hidden";
      if (at < row.length) canvas.getContext("2d").drawImage(picture, ...row[at], 0, 0, canvas.width, canvas.height);
      said.textContent = labels[at] || "";
    }
    return walk.stops[at] || `${at + 1} of ${count}`;
  };
  picture.decode().then(() => {
    const strip = make("div", { className: "tiles" }, ...tiles.map(one => one.tile));
    picture.before(make("div", { className: "walk" }, strip, slider(count, `walk through ${picture.alt}`, move)));
  });
}

// What a watched run made, epoch by epoch.
for (const course of document.querySelectorAll(".course")) {
  const strips = [...course.querySelectorAll("figure")];
  if (strips.length < 2) continue;
  strips[0].before(slider(strips.length, "epoch", at => {
    strips.forEach((strip, place) => { strip.hidden = place !== at; });
    return strips[at].querySelector("h5").textContent;
  }));
}

// Curves: values, the kind of axis, smoothing.
const shown = value => Number(value.toPrecision(4)).toString();
for (const charts of document.querySelectorAll(".charts")) {
  const lines = [...charts.querySelectorAll("polyline")].map(line => {
    const places = line.getAttribute("points").split(" ").map(place => place.split(",").map(Number));
    const raw = line.cloneNode();
    raw.removeAttribute("data-values");
    raw.classList.add("raw");
    return { line, places, raw };
  });
  const axis = make("select", {}, ...["automatic", "linear", "logarithmic"].map(kind => make("option", {}, kind)));
  axis.addEventListener("change", () => {
    for (const chart of charts.children) {
      const drawings = [...chart.querySelectorAll("svg")];
      const wanted = drawings.find(drawing => drawing.dataset.axis === axis.value) || drawings[0];
      for (const drawing of drawings) drawing.toggleAttribute("hidden", drawing !== wanted);
    }
  });
  const noisy = lines.filter(({ places }) => places.length > 30);
  const smooth = make("input", { type: "range", min: 0, max: 0.98, step: 0.02, value: 0 });
  smooth.addEventListener("input", () => {
    const kept = Number(smooth.value);
    for (const { line, places, raw } of noisy) {
      let height = places[0][1];
      const smoothed = places.map(([x, y]) => [x, (height = kept * height + (1 - kept) * y).toFixed(1)]);
      line.setAttribute("points", smoothed.map(place => place.join()).join(" "));
      if (kept) line.before(raw); else raw.remove();
    }
  });
  charts.before(make("div", { className: "controls" }, make("label", {}, "axis ", axis), make("label", {}, "smoothing ", smooth)));
  for (const chart of charts.children) {
    const values = [...chart.querySelectorAll("polyline[data-values]")].map(line => [
      line.classList.contains("train") ? "training" : "validation", JSON.parse(line.dataset.values),
    ]);
    for (const drawing of chart.querySelectorAll("svg")) {
      const first = lines.find(({ line }) => line.parentNode === drawing).places;
      const pointer = document.createElementNS(drawing.namespaceURI, "line");
      pointer.setAttribute("class", "pointer");
      drawing.addEventListener("pointermove", event => {
        const { left, width } = drawing.getBoundingClientRect();
        const x = (event.clientX - left) * drawing.viewBox.baseVal.width / width;
        const nearest = first.reduce((best, place, at) => Math.abs(place[0] - x) < Math.abs(first[best][0] - x) ? at : best, 0);
        const iteration = values[0][1][nearest][0];
        const said = values.map(([kind, series]) => {
          const near = series.reduce((a, b) => Math.abs(b[0] - iteration) < Math.abs(a[0] - iteration) ? b : a);
          return `${kind} ${shown(near[1])}`;
        });
        for (const [key, value] of [["x1", first[nearest][0]], ["x2", first[nearest][0]], ["y1", 8], ["y2", drawing.viewBox.baseVal.height - 22]]) {
          pointer.setAttribute(key, value);
        }
        drawing.append(pointer);
        say([`iteration ${iteration.toLocaleString("en")}`, ...said].join("\n"), event);
      });
      drawing.addEventListener("pointerleave", () => { pointer.remove(); say(""); });
    }
  }
}

// Points in space, to be turned. Where the page has small pictures of the points, they are shown under the pointer.
const pictured = document.getElementById("pictured");
const pictureOf = place => {
  const { width, height, columns } = pictured.dataset, canvas = make("canvas", { width, height });
  const [x, y] = [width * (place % columns), height * Math.floor(place / columns)];
  canvas.getContext("2d").drawImage(pictured, x, y, width, height, 0, 0, width, height);
  return canvas;
};
for (const canvas of document.querySelectorAll("canvas[data-points]")) {
  const points = JSON.parse(canvas.dataset.points), colours = canvas.dataset.colours.split(" ");
  const names = JSON.parse(canvas.dataset.names);
  let yaw = 0.6, pitch = 0.4, held = null, seen = [], side = 0;
  const draw = () => {
    const context = canvas.getContext("2d");
    side = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
    canvas.width = canvas.height = side;
    const [sy, cy, sp, cp] = [Math.sin(yaw), Math.cos(yaw), Math.sin(pitch), Math.cos(pitch)];
    seen = points.map(([x, y, z, owner], place) => {
      const away = z * cy - x * sy, depth = y * sp + away * cp, nearness = 2.4 / (3.4 - depth);
      const across = x * cy + z * sy, up = y * cp - away * sp;
      return { x: side * (0.5 + 0.64 * across * nearness), y: side * (0.5 - 0.64 * up * nearness), depth, nearness, owner, place };
    });
    seen.sort((a, b) => a.depth - b.depth);
    for (const { x, y, depth, nearness, owner } of seen) {
      context.globalAlpha = 0.45 + 0.4 * (depth + 1) / 2;
      context.fillStyle = colours[owner];
      context.beginPath();
      context.arc(x, y, side * 0.006 * nearness, 0, 7);
      context.fill();
    }
  };
  const turn = (right, up) => { yaw += right; pitch = Math.max(-1.57, Math.min(1.57, pitch + up)); draw(); };
  canvas.addEventListener("pointerdown", event => { held = event; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", event => {
    if (held) {
      turn((event.clientX - held.clientX) * 0.01, (event.clientY - held.clientY) * 0.01);
      held = event;
    }
    const { left, top, width } = canvas.getBoundingClientRect(), ratio = side / width;
    const at = [(event.clientX - left) * ratio, (event.clientY - top) * ratio];
    const near = seen.filter(point => Math.hypot(point.x - at[0], point.y - at[1]) < side * 0.02);
    const nearest = near[near.length - 1];
    say(nearest ? names[nearest.owner] : "", event, ...(pictured && nearest ? [pictureOf(nearest.place)] : []));
  });
  canvas.addEventListener("pointerleave", () => say(""));
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { held = null; });
  canvas.addEventListener("keydown", event => {
    const step = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
    if (step) { event.preventDefault(); turn(...step); }
  });
  window.addEventListener("resize", draw);
  draw();
}
