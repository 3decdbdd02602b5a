// Elements and pictures. Whatever comes from the data becomes text or a number here, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element; `told` are its attributes and listeners (onclick), then texts and elements. */
function make(tag, told = {}, ...inside) {
  const one = document.createElement(tag);
  for (const [name, value] of Object.entries(told)) {
    if (name.startsWith("on")) one.addEventListener(name.slice(2), value);
    else if (value === true) one.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) one.setAttribute(name, String(value));
  }
  one.append(...inside.filter(each => each !== null && each !== undefined));
  return one;
}

function svg(tag, told, text) {
  const one = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(told)) one.setAttribute(name, String(value));
  if (text !== undefined) one.textContent = text;
  return one;
}

const find = css => document.querySelector(css);
const told = name => { const one = document.getElementById(name); return one ? JSON.parse(one.textContent) : null; };
const many = count => count.toLocaleString("en");
const plural = (count, name) => `${many(count)} ${name}${count === 1 ? "" : "s"}`;
const seconds = value => value === null || value === undefined ? "" : `${value.toFixed(2)} s`;
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Places of cividis (Nuñez et al., 2018), which looks the same to those who cannot tell red from green. */
const CIVIDIS = [[0, 32, 77], [65, 77, 107], [124, 123, 120], [187, 175, 113], [255, 234, 70]];

function heat(value) {
  const place = Math.max(0, Math.min(1, value)) * (CIVIDIS.length - 1);
  const at = Math.min(Math.floor(place), CIVIDIS.length - 2);
  const mix = CIVIDIS[at].map((from, part) => Math.round(from + (CIVIDIS[at + 1][part] - from) * (place - at)));
  return `rgb(${mix.join(",")})`;
}

/** A canvas as sharp as the screen; its pen draws in CSS pixels. */
function sharpen(canvas, width, height) {
  const fine = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * fine);
  canvas.height = Math.round(height * fine);
  const pen = canvas.getContext("2d");
  pen.setTransform(fine, 0, 0, fine, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}
