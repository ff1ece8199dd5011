// The page without this script works; with it, it is live, and the keyboard moves in it.
"use strict";

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const part = $("#part");
const detail = $("#detail");

// ---- Fetching the page again: the server renders it, and what is the same stays as it is.

function address(url, extra) {
  const made = new URL(url, location.href);
  for (const [name, value] of Object.entries(extra)) made.searchParams.set(name, value);
  return made;
}

async function fetched(url) {
  const answer = await fetch(address(url, { part: "1" }), { headers: { accept: "text/html" } });
  return answer.text();
}

function merge(old, made) {
  // Children with a data-key are kept, and so the focus; all others are made anew.
  const focused = document.activeElement;
  const key = focused?.closest("[data-key]")?.dataset.key;
  const known = new Map($$("[data-key]", old).map((node) => [node.dataset.key, node]));
  for (const node of $$("[data-key]", made)) {
    const kept = known.get(node.dataset.key);
    if (!kept || kept.tagName !== node.tagName) {
      if (known.size && node.tagName !== "FIGURE") node.classList.add("new");
    } else {
      if (kept.innerHTML !== node.innerHTML) {
        kept.replaceChildren(...node.childNodes);
      }
      node.replaceWith(kept);
    }
  }
  old.replaceChildren(...made.childNodes);
  const row = key && $$("[data-key]", old).find((node) => node.dataset.key === key);
  const back = old.contains(focused) ? focused : row && $("a", row);
  if (back && back !== document.activeElement) back.focus({ preventScroll: true });
  mark();
}

let busy = false;
let again = false;
async function refresh() {
  if (!part || busy) {
    again = Boolean(part);
    return;
  }
  busy = true;
  try {
    const text = await fetched(location.href);
    if (text !== part.dataset.text) {
      const made = document.createElement("div");
      made.innerHTML = text; // rendered by our server, which escapes all it was sent
      merge(part, made);
      part.dataset.text = text;
    }
  } finally {
    busy = false;
  }
  if (again) {
    again = false;
    setTimeout(refresh, 500);
  }
}

function live() {
  const source = new EventSource("/events");
  const light = $("#live");
  const say = (on) => {
    light.classList.toggle("on", on);
    $("#live-text").textContent = on ? "live" : "not live";
  };
  let first = true;
  source.addEventListener("open", () => say(true));
  source.addEventListener("error", () => say(false));
  source.addEventListener("changed", (event) => {
    const now = JSON.parse(event.data);
    const format = new Intl.NumberFormat("en");
    if ("received" in now)
      $("#numbers").textContent = `${format.format(now.received)} ${now.received === 1 ? "packet" : "packets"} received, ${format.format(now.stored)} stored, ${format.format(now.rejected)} rejected`;
    if (part && "live" in part.dataset && !first) refresh();
    if (first && part && "live" in part.dataset) refresh();
    first = false;
  });
  window.addEventListener("pagehide", () => source.close());
}

// ---- Filters: they apply while they are changed.

const form = $("form.filters");
let typing;
async function filter() {
  const given = new URLSearchParams(new FormData(form));
  for (const [name, value] of [...given]) if (!value) given.delete(name);
  const url = `/${given.size ? "?" : ""}${given}`;
  history.replaceState(null, "", url);
  part.dataset.live = "";
  delete part.dataset.text;
  await refresh();
}
if (form) {
  form.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(filter, 250);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(typing);
    filter();
  });
}

// ---- Rows: the whole row is its link, and j and k go through them.

const rows = () => $$(".rows [data-key], .rows tr").filter((row) => $("a", row));
let at = null;

function mark() {
  const id = new URLSearchParams(location.hash.slice(1)).get("m");
  for (const link of $$("[data-message]")) link.classList.toggle("open", link.dataset.message === id);
}

function move(step) {
  const all = rows();
  if (!all.length) return;
  const focused = document.activeElement?.closest("[data-key]");
  const index = all.indexOf(focused ?? all.find((row) => row.dataset.key === at));
  const next = all[index < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, index + step))];
  at = next.dataset.key;
  $("a", next).focus();
  next.scrollIntoView({ block: "nearest" });
  if (detail && !detail.hidden) open($("a[data-message]", next));
}

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const message = event.target.closest("a[data-message]");
  if (message && detail) {
    event.preventDefault();
    open(message);
    return;
  }
  const row = event.target.closest("table.rows tbody tr");
  if (row && !event.target.closest("a") && !String(getSelection())) $("a", row)?.click();
});

// ---- A message beside the ladder.

async function open(link) {
  if (!link) return;
  const text = await fetched(link.href);
  detail.innerHTML = text; // rendered by our server, which escapes all it was sent
  const close = document.createElement("button");
  close.type = "button";
  close.className = "icon close";
  close.setAttribute("aria-label", "Close the message");
  close.textContent = "×";
  close.addEventListener("click", shut);
  detail.prepend(close);
  detail.hidden = false;
  detail.scrollTop = 0;
  document.body.classList.add("reading");
  history.replaceState(null, "", `${location.pathname}${location.search}#m=${link.dataset.message}`);
  mark();
}

function shut() {
  const id = new URLSearchParams(location.hash.slice(1)).get("m");
  detail.hidden = true;
  document.body.classList.remove("reading");
  history.replaceState(null, "", location.pathname + location.search);
  mark();
  $(`[data-message="${CSS.escape(id ?? "")}"]`)?.focus();
}

if (detail) {
  const id = new URLSearchParams(location.hash.slice(1)).get("m");
  if (id) open($(`[data-message="${CSS.escape(id)}"]`));
}

// ---- Theme, help, keys.

function theme() {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = root.dataset.theme ?? (dark ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
  localStorage.setItem("uhep-theme", root.dataset.theme);
}
$("#theme")?.addEventListener("click", theme);
$("#help-open")?.addEventListener("click", () => $("#help").showModal());

const keys = {
  "/": () => ($("#search") ? $("#search").focus() : location.assign("/")),
  "?": () => $("#help").showModal(),
  j: () => move(1),
  k: () => move(-1),
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  t: theme,
  c: () => location.assign("/"),
  a: () => location.assign("/agents"),
  l: () => location.assign("/logs"),
  Escape: () => (detail && !detail.hidden ? shut() : location.pathname !== "/" && location.assign("/")),
};
document.addEventListener("keydown", (event) => {
  if (event.metaKey || event.ctrlKey || event.altKey || $("#help")?.open) return;
  if (event.target.matches("input, select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.target.matches("pre") && event.key.startsWith("Arrow")) return;
  const act = keys[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});

mark();
live();
