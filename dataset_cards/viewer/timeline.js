// Lanes on one clock: loudness, pitch, intensity, voices, text on the screen, action units, likeness of pictures. A click seeks.

const ROW = 15; // pixels of a row of bands

/** The lanes that a sample has: name, how high, what draws them, and what they read at a time. */
function lanesOf(sample) {
  const lanes = [];
  if (sample.waveform.length) lanes.push({name: "waveform", high: 54, draw: drawWave(sample.waveform)});
  for (const curve of sample.curves)
    if (curve.values.some(value => value !== null)) {
      const hue = curve.unit === "Hz" ? "--pitch" : "--loud";
      const [least, top] = rangeOf(curve.values);
      // Digital silence is hundreds of dB down: what is 60 dB under the loudest is drawn at the bottom.
      const range = [curve.unit === "dB" ? Math.max(least, top - 60) : least, top];
      const under = range[0] > least ? "≤ " : "";
      lanes.push({name: `${curve.name}, ${curve.unit}`, note: `${under}${range[0].toFixed(0)} to ${top.toFixed(0)}`, high: 64,
        draw: drawCurve(curve, hue, range), read: at => reading(curve.name, valueAt(curve, at), curve.unit, 0)});
    }
  for (const band of sample.bands) {
    const left = band.left_out ? `${band.left_out} more do not fit` : null;
    lanes.push({name: band.name, note: left, bands: true, rows: band.rows.some(Boolean) ? band.rows : null, high: band.rows.length * ROW,
      draw: drawBands(band), read: at => heldAt(band, at)});
  }
  if (sample.units) {
    const names = Object.keys(sample.units.rows);
    lanes.push({name: "action units", rows: names, high: names.length * 13, draw: drawHeat(sample.units, names),
      read: at => strongest(sample.units, names, at)});
  }
  if (sample.likeness) lanes.push({name: "likeness", note: `${sample.likeness.name}, to the first picture`, high: 38,
    draw: drawLikeness(sample.likeness), read: at => reading("likeness", valueAt(sample.likeness, at), "", 3)});
  return lanes;
}

function rangeOf(values) {
  const there = values.filter(value => value !== null);
  return [there.reduce((one, other) => Math.min(one, other)), there.reduce((one, other) => Math.max(one, other))];
}

const reading = (name, value, unit, digits) => value === null ? `${name} –` : `${name} ${value.toFixed(digits)} ${unit}`.trim();

/** The place of the last time that is not after `at`; -1 before the first. Times rise. */
function lastBefore(times, at) {
  let low = 0, high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= at) low = middle + 1; else high = middle;
  }
  return low - 1;
}

const valueAt = (curve, at) => curve.values[Math.max(0, lastBefore(curve.times, at))] ?? null;

const drawWave = peaks => (pen, wide, high) => {
  pen.fillStyle = colour("--soft");
  const step = wide / peaks.length, top = Math.max(...peaks, .05);
  peaks.forEach((peak, at) => {
    const tall = Math.max(1, peak / top * (high - 4));
    pen.fillRect(at * step, (high - tall) / 2, Math.max(.6, step * .8), tall);
  });
};

const drawCurve = (curve, hue, [low, top]) => (pen, wide, high, length) => {
  const room = Math.max(top - low, 1e-6), usual = usualStep(curve.times);
  pen.strokeStyle = colour("--grid");
  for (const y of [.5, high / 2, high - .5]) { pen.beginPath(); pen.moveTo(0, y); pen.lineTo(wide, y); pen.stroke(); }
  pen.strokeStyle = pen.fillStyle = colour(hue);
  pen.lineWidth = 2;
  pen.lineJoin = "round";
  pen.beginPath();
  let before = null;
  curve.times.forEach((time, at) => {
    const value = curve.values[at];
    if (value === null) { before = null; return; }
    const x = time / length * wide, y = high - 5 - (Math.max(value, low) - low) / room * (high - 10);
    if (before !== null && time - before < 2.5 * usual) pen.lineTo(x, y); else { pen.moveTo(x, y); pen.lineTo(x + .8, y); }
    before = time;
  });
  pen.stroke();
};

function usualStep(times) {
  const steps = times.slice(1).map((time, at) => time - times[at]).sort((one, other) => one - other);
  return steps.length ? steps[steps.length >> 1] : 1;
}

/** Cells from each time to the next; the last is as long as most. */
function cells(times, length, wide, paint) {
  const usual = usualStep(times);
  times.forEach((time, at) => {
    const from = Math.max(0, time) / length * wide;
    const to = Math.min(length, at + 1 < times.length ? times[at + 1] : time + usual) / length * wide;
    if (to > from) paint(at, from, to - from);
  });
}

const drawHeat = (units, names) => (pen, wide, high, length) => {
  const tall = high / names.length;
  pen.fillStyle = colour("--grid");
  pen.fillRect(0, 0, wide, high);
  names.forEach((name, row) => cells(units.times, length, wide, (at, x, width) => {
    const value = units.rows[name][at];
    if (value === null) return;
    pen.fillStyle = heat(value);
    pen.fillRect(x, row * tall, width + .5, tall - 1);
  }));
};

/** Rows of labelled stretches, each row in a colour of its own; a label stands where there is room for some of it. */
const drawBands = band => (pen, wide, high, length) => {
  pen.fillStyle = colour("--grid");
  pen.fillRect(0, 0, wide, high);
  pen.font = "10.5px system-ui, sans-serif";
  pen.textBaseline = "middle";
  for (const one of band.stretches) {
    const x = one.start / length * wide, width = Math.max(1.5, (one.end - one.start) / length * wide - 1), y = one.row * ROW;
    pen.fillStyle = `hsl(${(210 + one.row * 137) % 360} 55% 36%)`;
    pen.fillRect(x, y, width, ROW - 1);
    if (width < 24) continue;
    pen.save();
    pen.beginPath();
    pen.rect(x, y, width - 3, ROW - 1);
    pen.clip();
    pen.fillStyle = "#fff";
    pen.fillText(one.label, x + 4, y + ROW / 2);
    pen.restore();
  }
};

const heldAt = (band, at) => band.stretches.filter(one => one.start <= at && at < one.end).map(one => one.label).join(" / ") || `${band.name} –`;

const drawLikeness = curve => (pen, wide, high, length) => {
  pen.fillStyle = colour("--grid");
  pen.fillRect(0, 0, wide, high);
  cells(curve.times, length, wide, (at, x, width) => {
    const value = curve.values[at];
    if (value === null) return;
    pen.fillStyle = heat(value);
    pen.fillRect(x, 0, Math.max(1, width - 1), high);
    if (width < 40) return;
    pen.fillStyle = value > .55 ? "#000" : "#fff";
    pen.font = "11.5px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.fillText(value.toFixed(3), x + width / 2, high / 2 + 4);
  });
};

/** The action units that stand out most at a time. */
function strongest(units, names, at) {
  const place = Math.max(0, lastBefore(units.times, at));
  const seen = names.map(name => [name, units.rows[name][place]]).filter(([, value]) => value !== null && value >= .1);
  return seen.sort((one, other) => other[1] - one[1]).slice(0, 3).map(([name, value]) => `${name} ${value.toFixed(2)}`).join(", ") || "no action unit";
}

/** The lanes as an element, with what moves the cursor and what draws them anew. */
function timeline(lanes, length, seek) {
  const cursor = make("div", {class: "cursor"}), told = make("p", {class: "reading"});
  const canvases = lanes.map(lane => {
    const canvas = make("canvas", {role: "img", "aria-label": `${lane.name} over time`, onpointerdown: event => {
      const box = canvas.getBoundingClientRect();
      seek((event.clientX - box.left) / box.width * length);
    }});
    canvas.style.height = `${lane.high}px`;
    return canvas;
  });
  const side = lane => {
    if (!lane.rows) return make("div", {}, lane.name, lane.note ? make("div", {}, lane.note) : null);
    const names = make("div", {class: "lane-names"}, ...lane.rows.map(name => make("span", {}, name)));
    names.style.gridAutoRows = lane.bands ? `${ROW}px` : "13px";
    return names;
  };
  const box = make("div", {class: "lanes"}, ...lanes.map((lane, at) => make("div", {class: "lane"}, side(lane), canvases[at])), cursor);
  const draw = () => lanes.forEach((lane, at) => {
    const wide = canvases[at].clientWidth;
    if (wide) lane.draw(sharpen(canvases[at], wide, lane.high), wide, lane.high, length);
  });
  const move = time => {
    if (!canvases.length) return;
    cursor.style.left = `${canvases[0].offsetLeft + Math.min(1, time / length) * canvases[0].clientWidth}px`;
    told.textContent = [seconds(time), ...lanes.filter(lane => lane.read).map(lane => lane.read(time))].join(" · ");
  };
  const scale = lanes.some(lane => (lane.rows && !lane.bands) || lane.name === "likeness")
    ? make("p", {class: "soft small"}, "0", make("span", {class: "scale"}), "1; grey: not measured") : null;
  return {element: make("div", {}, box, told, scale), draw, move};
}
