"use strict";
// The page reads without this: it sorts tables, filters hard items, and lets keys walk through them.
const all = (css, within = document) => [...within.querySelectorAll(css)];
const items = all("ol.items > li");

for (const table of all("table.sortable")) {
  all("thead th", table).forEach((head, at) => head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") !== "descending";
    all("thead th", table).forEach(one => one.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const figures = head.classList.contains("n");
    const key = row => {
      const text = row.cells[at].innerText.trim();
      if (!figures) return text;
      const time = text.match(/^(?:(\d+) d)? ?(?:(\d+) h)? ?(?:(\d+) min)? ?(?:([\d.]+) s)?$/);
      if (time && text) return (+time[1] || 0) * 86400 + (+time[2] || 0) * 3600 + (+time[3] || 0) * 60 + (+time[4] || 0);
      const number = parseFloat(text.replace("−", "-").replaceAll(",", ""));
      return Number.isNaN(number) ? null : number;
    };
    const rows = [...table.tBodies[0].rows].map(row => [key(row), row]);
    const by = ([one], [other]) => figures ? one - other : one.localeCompare(other, "en", {numeric: true});
    const known = rows.filter(([value]) => value !== null).sort((a, b) => down ? by(b, a) : by(a, b));
    table.tBodies[0].append(...known.map(([, row]) => row), ...rows.filter(([value]) => value === null).map(([, row]) => row));
  }));
}

const shown = () => items.filter(one => !one.hidden);
const summary = one => one.querySelector("summary");
const here = () => items.find(one => one.contains(document.activeElement));

function walk(by) {
  const left = shown();
  const at = left.indexOf(here());
  const next = left[Math.max(0, Math.min(left.length - 1, at < 0 ? 0 : at + by))];
  if (next) { summary(next).focus(); next.scrollIntoView({block: "nearest"}); }
}

function play() {
  const one = here();
  const clip = one && one.querySelector("video, audio");
  if (!clip) return;
  one.querySelector("details").open = true;
  if (clip.paused) clip.play().catch(() => {}); else clip.pause();
}

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  const does = {j: () => walk(1), k: () => walk(-1), p: play}[event.key];
  if (does) { event.preventDefault(); does(); }
});

const only = document.getElementById("only");
if (only) {
  only.addEventListener("change", () => {
    for (const one of items) one.hidden = only.value !== "" && !one.dataset.questions.split(" ").includes(only.value);
    document.getElementById("shown").textContent = only.value ? `${shown().length} of ${items.length}` : "";
  });
  document.getElementById("open-all").addEventListener("click", event => {
    const open = event.target.textContent === "Open all";
    for (const one of items) one.querySelector("details").open = open;
    event.target.textContent = open ? "Close all" : "Open all";
  });
}

// One clip plays at a time.
document.addEventListener("play", event => {
  for (const clip of all("video, audio")) if (clip !== event.target) clip.pause();
}, true);

let closed = [];
addEventListener("beforeprint", () => { closed = all("details:not([open])"); closed.forEach(one => { one.open = true; }); });
addEventListener("afterprint", () => closed.forEach(one => { one.open = false; }));
