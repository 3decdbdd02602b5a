// A sample's page: player, words, lanes, answers.

let open = null; // the sample that is shown: {at, player, stop, seek, length}

const addressOf = (sample, medium) => {
  if (dataset.served) return `media/${sample.brief.at}/${medium}`;
  const kept = document.getElementById(`${medium}-${sample.brief.at}`);
  if (!kept) return null;
  const bytes = Uint8Array.from(atob(kept.textContent), letter => letter.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], {type: sample.media[medium]}));
};

async function sampleAt(at) {
  if (!dataset.served) return told(`sample-${at}`);
  const answer = await fetch(`sample/${at}`);
  return answer.ok ? answer.json() : null;
}

function closeSample() {
  if (open) open.stop();
  open = null;
}

async function showSample(at) {
  const sample = await sampleAt(at);
  if (location.hash !== `#sample-${at}`) return; // another was chosen meanwhile
  closeSample();
  const view = find("#sample-view");
  find("#list-view").hidden = true;
  view.hidden = false;
  window.scrollTo(0, 0);
  const brief = sample ? sample.brief : (dataset.samples || []).find(one => one.at === at);
  if (!brief) { view.replaceChildren(make("section", {}, make("p", {}, "There is no such sample."))); return; }
  document.title = `${brief.id} · ${dataset.overview.name}`;
  const head = heading(brief);
  if (!sample) {
    open = {at, player: null, stop() {}, seek() {}};
    view.replaceChildren(head, make("section", {}, make("p", {dir: "auto"}, brief.text), make("p", {class: "soft"},
      "This file does not hold this sample's media and measurements: `affectloom view FOLDER --serve` shows them.")));
    return;
  }
  view.replaceChildren(head);
  build(view, sample);
}

function heading(brief) {
  const tags = [...Object.entries(brief.labels).filter(([, value]) => value).map(([name, value]) => make("li", {class: "label"}, `${name} ${value}`)),
    ...["speaker", "split", "language"].filter(name => brief[name]).map(name => make("li", {}, `${name} ${brief[name]}`)),
    brief.seconds === null ? null : make("li", {}, seconds(brief.seconds))];
  return make("div", {}, make("div", {class: "head"}, make("a", {href: "#"}, "← All samples"), make("h1", {}, brief.id),
    make("button", {type: "button", onclick: () => step(-1)}, "Previous"), make("button", {type: "button", onclick: () => step(1)}, "Next")),
  make("ul", {class: "tags"}, ...tags));
}

function build(view, sample) {
  const length = Math.max(sample.brief.seconds || 0, .001);
  const stage = staging(sample);
  const player = stage.player;
  const seek = time => {
    if (player) player.currentTime = Math.max(0, Math.min(time, length - .001));
    show(time);
  };
  const words = wording(sample, seek);
  const lanes = timeline(lanesOf(sample), length, seek);
  const clock = make("span", {}, `0.00 / ${length.toFixed(2)} s`);
  const show = time => {
    lanes.move(time);
    words.light(time);
    stage.boxes(time);
    clock.textContent = `${time.toFixed(2)} / ${length.toFixed(2)} s`;
  };
  const media = stage.element && make("section", {"aria-label": "Player"}, stage.element, player ? controls(player, stage, clock) : null);
  const text = make("section", {"aria-labelledby": "words-title"}, make("h2", {id: "words-title"}, "Words"), words.element);
  const answers = answering(sample);
  view.append(make("div", {class: media ? "two" : ""}, media, make("div", {}, text, answers)));
  if (lanesOf(sample).length) view.append(make("section", {"aria-labelledby": "time-title"}, make("h2", {id: "time-title"}, "Over time"), lanes.element));
  view.append(facts(sample));
  let frame = 0;
  const run = () => { show(player.currentTime); frame = requestAnimationFrame(run); };
  const draw = () => { lanes.draw(); show(player ? player.currentTime : 0); };
  if (player) {
    player.addEventListener("play", () => { cancelAnimationFrame(frame); run(); });
    for (const end of ["pause", "ended"]) player.addEventListener(end, () => cancelAnimationFrame(frame));
    for (const when of ["seeked", "loadeddata"]) player.addEventListener(when, () => show(player.currentTime));
  }
  const watching = new ResizeObserver(draw);
  watching.observe(view);
  const stop = () => { cancelAnimationFrame(frame); watching.disconnect(); if (player) player.pause(); stage.free(); };
  open = {at: sample.brief.at, player, stop, seek, length};
  draw();
}

/** The video, else the picture and the sound; boxes of the face are drawn over it. */
function staging(sample) {
  const medium = ["video", "audio"].find(name => sample.media[name]);
  const address = medium && addressOf(sample, medium);
  const picture = !address || medium === "audio" ? sample.media.image && addressOf(sample, "image") : null;
  const free = () => [address, picture].forEach(one => { if (one && one.startsWith("blob:")) URL.revokeObjectURL(one); });
  const player = address ? make(medium, {src: address, preload: "auto", playsinline: true}) : null;
  const still = picture ? make("img", {src: picture, alt: "the sample's picture"}) : null;
  const seen = medium === "video" ? player : still;
  if (!seen) return {element: player, player, boxes() {}, free, switch: null}; // a sound alone: it is heard, not seen
  const over = make("canvas", {"aria-hidden": "true"});
  const wanted = {shown: true, at: 0};
  const boxes = time => { wanted.at = time; drawBox(over, seen, wanted.shown ? sample.boxes : null, time); };
  if (still) still.addEventListener("load", () => boxes(0));
  const toggle = sample.boxes ? make("label", {class: "small"}, make("input", {type: "checkbox", checked: true,
    onchange: event => { wanted.shown = event.target.checked; boxes(wanted.at); }}), "face box") : null;
  if (player) seen.addEventListener("click", () => playOrPause());
  const stage = make("div", {class: "stage"}, seen, over);
  return {element: player && seen === still ? make("div", {}, stage, player) : stage, player, boxes, free, switch: toggle};
}

function drawBox(canvas, seen, boxes, time) {
  const wide = seen.clientWidth, high = seen.clientHeight;
  if (!wide || !high) return;
  const pen = sharpen(canvas, wide, high);
  const place = boxes && boxes.places[Math.max(0, lastBefore(boxes.times, time))];
  if (!place) return;
  const [left, top, width, height] = [place[0] * wide, place[1] * high, place[2] * wide, place[3] * high];
  for (const [line, hue] of [[5, "#000c"], [2.5, "#ffd84d"]]) {
    pen.lineWidth = line;
    pen.strokeStyle = hue;
    pen.strokeRect(left, top, width, height);
  }
}

function controls(player, stage, clock) {
  const button = make("button", {type: "button", class: "play", onclick: () => playOrPause()}, "Play");
  const name = () => { button.textContent = player.paused ? "Play" : "Pause"; };
  for (const when of ["play", "pause", "ended"]) player.addEventListener(when, name);
  const speed = make("select", {"aria-label": "speed", onchange: event => { player.playbackRate = Number(event.target.value); }},
    ...[.25, .5, 1, 1.5].map(value => make("option", {value, selected: value === 1}, `${value} ×`)));
  return make("div", {class: "controls"}, button, clock, speed, stage.switch);
}

function playOrPause() {
  if (!open || !open.player) return;
  if (open.player.paused) open.player.play().catch(() => {}); else open.player.pause();
}

/** Words that seek when clicked, and light up while they are said; the text as it is where words have no times. */
function wording(sample, seek) {
  const timed = sample.words.filter(word => word.start !== null && word.end !== null);
  if (!timed.length) return {element: make("p", {class: "words", dir: "auto"}, sample.text || "no text"), light() {}};
  const buttons = timed.map(word => make("button", {type: "button", onclick: () => seek(Math.max(0, word.start)),
    class: word.probability !== null && word.probability < .5 ? "unsure" : "",
    title: `${seconds(word.start)} to ${seconds(word.end)}${word.probability === null ? "" : `, probability ${word.probability.toFixed(2)}`}`}, word.text.trim()));
  const light = time => timed.forEach((word, at) => buttons[at].classList.toggle("now", word.start <= time && time < word.end));
  const unsure = timed.some(word => word.probability !== null && word.probability < .5)
    ? make("p", {class: "soft small"}, "Dotted: the recogniser gave it less than 0.5.") : null;
  return {element: make("div", {}, make("div", {class: "words", dir: "auto"}, ...buttons.flatMap(one => [one, " "])), unsure), light};
}

function answering(sample) {
  const given = sample.votes.filter(one => one.label || one.counts.length || one.answers.length);
  if (!given.length) return null;
  return make("section", {"aria-labelledby": "votes-title"}, make("h2", {id: "votes-title"}, "What people answered"),
    make("div", {class: "votes"}, ...given.map(one => make("div", one.kept ? {class: "whole"} : {}, make("h3", {}, one.kept ? one.question : `${one.question}: ${one.label || "no aggregate (a tie)"}`),
      bars(one.counts), make("p", {class: "soft small"}, [one.agreement === null ? "" : `${Math.round(100 * one.agreement)} % of pairs of raters agree`,
        one.spread === null ? "" : `standard deviation ${one.spread.toFixed(2)}`].filter(Boolean).join(" · ")),
      one.answers.length ? make("details", one.kept ? {open: ""} : {}, make("summary", {}, plural(one.answers.length, "answer")), make("dl", {class: "facts"},
        ...one.answers.flatMap(([rater, value]) => [make("dt", {}, rater), make("dd", {}, value)]))) : null))));
}

function facts(sample) {
  const lines = [...sample.facts, ...(sample.absent.length ? [["not there", sample.absent.join(", ")]] : [])];
  return make("section", {"aria-labelledby": "facts-title"}, make("h2", {id: "facts-title"}, "Where it comes from"),
    make("dl", {class: "facts"}, ...lines.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])));
}
