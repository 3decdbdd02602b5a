// The table of samples: searched, filtered, sorted, a page at a time; here or by the server.

const ON_A_PAGE = 200;
const questions = Object.keys(dataset.overview.choices).filter(name => name !== "split" && name !== "speaker");
const COLUMNS = [["id", "sample"], ["text", "text"], ...questions.map(name => [name, name]), ["speaker", "speaker"],
  ["split", "split"], ["language", "language"], ["seconds", "length"]];
const asked = {text: "", fits: {}, sort: "at", down: false, first: 0};
const listed = {found: 0, samples: []};
let chosen = -1;
let asking = 0;

const valueOf = (one, name) => questions.includes(name) ? one.labels[name] ?? "" : one[name] ?? "";

/** Samples that fit what is asked, in its order: the same rules as `find` in pipelines/viewing/index.py. */
function findHere() {
  const text = asked.text.toLowerCase();
  const fits = Object.entries(asked.fits).filter(([, value]) => value);
  const found = dataset.samples.filter(one => fits.every(([name, value]) => valueOf(one, name) === value)
    && (!text || `${one.id}\n${one.text}\n${one.speaker}`.toLowerCase().includes(text)));
  if (asked.sort !== "at") {
    const numeric = value => value !== "" && Number.isFinite(Number(value));
    const order = (one, other) => {
      const [left, right] = [valueOf(one, asked.sort), valueOf(other, asked.sort)];
      if (left === "" || right === "") return (left === "") - (right === "");
      const way = asked.down ? -1 : 1;
      if (numeric(left) && numeric(right)) return way * (Number(left) - Number(right));
      if (numeric(left) !== numeric(right)) return way * (numeric(left) ? -1 : 1);
      return way * (String(left).toLowerCase() < String(right).toLowerCase() ? -1 : String(left) === String(right) ? 0 : 1);
    };
    found.sort(order);
  }
  return {found: found.length, samples: found.slice(asked.first, asked.first + ON_A_PAGE)};
}

async function findThere() {
  const query = new URLSearchParams({text: asked.text, sort: asked.sort, down: asked.down ? "1" : "0", first: asked.first});
  for (const [name, value] of Object.entries(asked.fits)) if (value) query.set(`f.${name}`, value);
  return (await fetch(`samples?${query}`)).json();
}

async function search() {
  const mine = ++asking;
  const got = dataset.served ? await findThere() : findHere();
  if (mine !== asking) return; // a later question was asked meanwhile
  Object.assign(listed, got);
  choose(Math.min(chosen, listed.samples.length - 1), false);
  fillTable();
}

function ask(change) {
  Object.assign(asked, {first: 0}, change);
  return search();
}

function showFilters() {
  const form = find("#filters");
  form.addEventListener("submit", event => event.preventDefault());
  form.append(make("label", {}, "Search text, sample, speaker", make("input", {id: "search", type: "search",
    autocomplete: "off", oninput: event => ask({text: event.target.value.trim()})})));
  for (const [name, values] of Object.entries(dataset.overview.choices)) {
    if (values.length < 2) continue;
    const select = make("select", {id: `filter-${name}`, onchange: event => ask({fits: {...asked.fits, [name]: event.target.value}})},
      make("option", {value: ""}, "all"), ...values.map(value => make("option", {value}, value)));
    form.append(make("label", {}, name, select));
  }
}

function fillTable() {
  const order = name => asked.sort !== name ? "none" : asked.down ? "descending" : "ascending";
  find("#samples thead").replaceChildren(make("tr", {}, ...COLUMNS.map(([name, title]) =>
    make("th", {scope: "col", "aria-sort": order(name)}, make("button", {type: "button", "data-sort": name, onclick: () => sortBy(name)},
      title + {none: "", ascending: " ▲", descending: " ▼"}[order(name)])))));
  find("#samples tbody").replaceChildren(...listed.samples.map((one, at) => make("tr", {"aria-selected": String(at === chosen),
    "data-at": one.at, onclick: () => { location.hash = `sample-${one.at}`; }},
    ...COLUMNS.map(([name]) => cell(one, name)))));
  const all = dataset.served ? dataset.overview.samples : dataset.samples.length;
  find("#found").textContent = listed.found === all ? plural(all, "sample") : `${many(listed.found)} of ${plural(all, "sample")}`;
  fillPages();
}

function cell(one, name) {
  if (name === "id") return make("td", {}, make("a", {href: `#sample-${one.at}`}, one.id));
  if (name === "seconds") return make("td", {}, seconds(one.seconds));
  const told = questions.includes(name) || name === "split" ? {"data-name": name} : {};
  return make("td", name === "text" ? {class: "text", dir: "auto"} : told, String(valueOf(one, name)));
}

function sortBy(name) {
  // A third click gives the dataset's own order again.
  if (asked.sort !== name) return ask({sort: name, down: false});
  return asked.down ? ask({sort: "at", down: false}) : ask({down: true});
}

function fillPages() {
  const last = Math.max(0, Math.ceil(listed.found / ON_A_PAGE) - 1), here = Math.floor(asked.first / ON_A_PAGE);
  const turn = (name, to) => make("button", {type: "button", disabled: to < 0 || to > last, onclick: () => turnTo(to)}, name);
  find("#pages").replaceChildren(...last ? [turn("Previous", here - 1), make("span", {class: "soft small"},
    `page ${many(here + 1)} of ${many(last + 1)}`), turn("Next", here + 1)] : []);
}

async function turnTo(to, at = 0) {
  asked.first = to * ON_A_PAGE;
  await search();
  choose(at < 0 ? listed.samples.length - 1 : at);
}

/** Mark a row; it is the one that Enter opens. */
function choose(at, seen = true) {
  chosen = at;
  for (const row of document.querySelectorAll("#samples tbody tr")) {
    const mine = row.rowIndex - 1 === at;
    row.setAttribute("aria-selected", String(mine));
    if (mine && seen) row.scrollIntoView({block: "nearest"});
  }
}
