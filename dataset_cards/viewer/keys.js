// What the address says is shown, and what keys do.

function route() {
  const named = /^#sample-(\d+)$/.exec(location.hash);
  if (named) return showSample(Number(named[1]));
  closeSample();
  document.title = `${dataset.overview.name} ${dataset.overview.version}`.trim();
  find("#sample-view").hidden = true;
  find("#sample-view").replaceChildren();
  find("#list-view").hidden = false;
  choose(chosen);
  return null;
}

/** The next or previous sample of what was found, on the next page of the table if need be. */
async function step(by) {
  if (open) chosen = listed.samples.findIndex(one => one.at === open.at);
  const to = chosen + by, page = Math.floor(asked.first / ON_A_PAGE);
  if (to < 0 && page > 0) await turnTo(page - 1, -1);
  else if (to >= listed.samples.length && asked.first + listed.samples.length < listed.found) await turnTo(page + 1);
  else choose(Math.max(0, Math.min(to, listed.samples.length - 1)));
  if (open && listed.samples[chosen]) location.hash = `sample-${listed.samples[chosen].at}`;
}

function toSearch() {
  if (open || location.hash) { location.hash = ""; route(); }
  find("#search").focus();
  find("#search").select();
}

const seekBy = by => { if (open && open.player) open.seek(open.player.currentTime + by); };

const KEYS = {
  "j": () => step(1), "k": () => step(-1), "/": toSearch, " ": playOrPause, "?": () => find("#help").showModal(),
  "ArrowLeft": () => seekBy(-.5), "ArrowRight": () => seekBy(.5),
  "Enter": () => { if (!open && listed.samples[chosen]) location.hash = `sample-${listed.samples[chosen].at}`; },
  "Escape": () => { if (open || location.hash) location.hash = ""; },
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || find("#help").open) return;
  const where = event.target;
  if (where.matches("input:not([type=checkbox]), select, textarea")) {
    if (event.key === "Escape") where.blur();
    if (event.key === "Enter" && where.id === "search") { where.blur(); step(1); }
    return;
  }
  // A button or link that has the focus keeps the keys that press it; a word keeps Enter, and leaves Space to the player.
  if (event.key === "Enter" && where.matches("a, button, summary")) return;
  if (event.key === " " && (!open || where.matches("summary, input, button:not(.words button)"))) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

showOverview();
showFilters();
search().then(route);
addEventListener("hashchange", route);
addEventListener("keydown", onKey);
find("#help-button").addEventListener("click", () => find("#help").showModal());
