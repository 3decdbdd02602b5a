// The dataset as a whole: totals and figures.

const dataset = told("dataset");

function showOverview() {
  const all = dataset.overview;
  find(".name").textContent = all.name;
  find(".version").textContent = all.version;
  find("#notes").append(...all.notes.map(note => make("p", {class: "note"}, note)));
  const minutes = all.seconds >= 3600 ? `${(all.seconds / 3600).toFixed(1)} h`
    : all.seconds >= 120 ? `${(all.seconds / 60).toFixed(1)} min` : `${all.seconds.toFixed(1)} s`;
  const totals = [["samples", many(all.samples)], ["recordings", many(all.recordings)], ["of sound and video", minutes],
    ["speakers", many(all.speakers)], ["licence", all.licence || "not named"]];
  find("#totals").append(...totals.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
  find("#figures").append(...all.figures.map(figure));
}

function figure(one) {
  const drawn = one.ordered ? histogram(one) : bars(one.bars, one.of);
  return make("figure", {"aria-label": one.title}, make("h3", {}, one.title), drawn,
    one.note ? make("p", {class: "soft small"}, one.note) : null);
}

/** A bar for each class, its name left, its number right. */
function bars(given, of) {
  const most = of || Math.max(1, ...given.map(one => one[1]));
  const box = make("div", {class: "bars"});
  for (const [name, count] of given) {
    const bar = make("i", {});
    bar.style.width = `${100 * count / most}%`;
    const share = of ? `${many(count)} · ${Math.round(100 * count / of)} %` : many(count);
    box.append(make("b", {title: name}, name), bar, make("span", {}, share));
  }
  return box;
}

/** Bars on a scale, named at their lower edges. */
function histogram(one) {
  const wide = 360, high = 150, floor = high - 20, roof = 16;
  const most = Math.max(1, ...one.bars.map(bar => bar[1]));
  const step = wide / one.bars.length;
  const every = Math.ceil(one.bars.length / 9);
  const picture = svg("svg", {viewBox: `0 0 ${wide} ${high}`, role: "img",
    "aria-label": one.bars.map(([name, count]) => `from ${name}: ${count}`).join(", ")});
  one.bars.forEach(([name, count], at) => {
    const tall = (floor - roof) * count / most;
    const bar = svg("rect", {class: "bar", x: at * step + 1, y: floor - tall, width: Math.max(1, step - 2), height: tall, rx: 2});
    bar.append(svg("title", {}, `from ${name}: ${many(count)}`));
    picture.append(bar);
    if (count && one.bars.length <= 16)
      picture.append(svg("text", {x: (at + .5) * step, y: floor - tall - 4, "text-anchor": "middle"}, many(count)));
    if (at % every === 0) picture.append(svg("text", {x: at * step + 1, y: high - 5}, name));
  });
  picture.append(svg("line", {class: "axis", x1: 0, x2: wide, y1: floor + .5, y2: floor + .5}));
  return picture;
}
