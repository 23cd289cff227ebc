// Keeps a page current, lets its forms answer in place, and copies lines.
// Every page works without this file.
(() => {
  "use strict";

  const MINUTE = 60_000;
  const TYPING = 250; // milliseconds until what is typed is searched for
  const ANEW = { headers: { Accept: "text/html" }, cache: "no-cache" };
  const SHARE = 10; // a page that took a second to come rests for ten

  const main = document.querySelector("main");
  const light = document.getElementById("live");
  document.documentElement.classList.add("scripted");

  // --- One page in the place of another ------------------------------------------------------

  let underway = null; // the request for a page
  let isVisit = false; // whether a person made it

  /** Show the page at `url` by changing this one where it differs; the form only where asked. */
  async function show(url, { withForms }) {
    underway?.abort();
    const mine = (underway = new AbortController());
    const response = await fetch(url, { ...ANEW, signal: mine.signal });
    const text = await response.text();
    if (!response.ok) throw new Error(response.statusText);
    const page = new DOMParser().parseFromString(text, "text/html");
    const keepForm = (node) => withForms || !(node instanceof HTMLFormElement);
    const keepOpen = (name, node) => !(node instanceof HTMLDetailsElement && name === "open");
    for (const part of ["header", "main"]) {
      Idiomorph.morph(document.querySelector(part), page.querySelector(part), {
        ignoreActiveValue: true,
        callbacks: { beforeNodeMorphed: keepForm, beforeAttributeUpdated: keepOpen },
      });
    }
    document.title = page.title;
    document.dispatchEvent(new CustomEvent("statscache:shown", { detail: { isSame: !withForms } }));
    return response.url;
  }

  /** Go to `url` as a link would, but keep scroll and focus. */
  async function visit(url, remember) {
    isVisit = true;
    try {
      const arrived = await show(url, { withForms: true });
      isVisit = false;
      history[remember](null, "", arrived);
      listen();
    } catch (error) {
      if (error.name !== "AbortError") location.assign(url);
    }
  }

  // --- A page that stays current -------------------------------------------------------------

  let stream = null;
  let timer = null;
  let shown = performance.now();
  let rest = 0;

  function plan(wait) {
    clearTimeout(timer);
    timer = setTimeout(refresh, wait);
  }

  /** Something has changed: be current soon, but do not ask more often than a page is worth. */
  function changed() {
    const pace = Math.max(1000 * (main.dataset.pace ?? 1), rest);
    plan(Math.max(0, shown + pace - performance.now()));
  }

  async function refresh() {
    if (isVisit) return plan(1000);
    const began = performance.now();
    try {
      await show(location.href, { withForms: false });
    } catch (error) {
      if (error.name !== "AbortError") tell(false);
    }
    shown = performance.now();
    rest = SHARE * (shown - began);
    // Time passes even where nothing changes: what is late by now should be seen.
    plan(MINUTE);
  }

  /** Listen to what this page shows, as long as somebody looks at it. */
  function listen() {
    const url = document.hidden ? null : main.dataset.live;
    if (stream?.asked === url && stream?.readyState !== EventSource.CLOSED) return;
    stream?.close();
    stream = null;
    clearTimeout(timer);
    if (!url) return;
    stream = new EventSource(url);
    stream.asked = url;
    stream.onopen = () => tell(true);
    stream.onmessage = changed;
    stream.addEventListener("reset", changed);
    stream.onerror = () => {
      tell(false);
      // The browser comes back by itself, but not where it was refused.
      if (stream.readyState === EventSource.CLOSED) setTimeout(listen, MINUTE / 2);
    };
    plan(MINUTE);
  }

  function tell(isLive) {
    light.hidden = !main.dataset.live;
    light.dataset.state = isLive ? "live" : "lost";
    const words = isLive ? "Live" : "Not live";
    if (light.textContent !== words) light.textContent = words;
  }

  // --- Forms and lines to copy ---------------------------------------------------------------

  function address(form) {
    const given = [...new FormData(form)].filter(([, value]) => value !== "");
    const query = new URLSearchParams(given).toString();
    return form.getAttribute("action") + (query && `?${query}`);
  }

  async function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    // Without TLS a browser has no clipboard for scripts.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) throw new Error("not copied");
  }

  document.addEventListener("submit", (event) => {
    event.preventDefault();
    visit(address(event.target), "pushState");
  });

  document.addEventListener("change", (event) => {
    if (event.target.type !== "search") event.target.form?.requestSubmit();
  });

  let typing = null;
  document.addEventListener("input", ({ target }) => {
    if (target.type !== "search") return;
    clearTimeout(typing);
    typing = setTimeout(() => visit(address(target.form), "replaceState"), TYPING);
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    try {
      await copy(button.dataset.copy);
      button.classList.add("copied");
      document.getElementById("said").textContent = "Copied";
      setTimeout(() => button.classList.remove("copied"), 1500);
    } catch {
      if (button.href) location.assign(button.href);
    }
  });

  document.addEventListener("statscache:visit", ({ detail }) => visit(detail, "pushState"));
  addEventListener("popstate", () => visit(location.href, "replaceState"));
  document.addEventListener("visibilitychange", () => {
    listen();
    if (!document.hidden && main.dataset.live) changed();
  });
  listen();
})();
