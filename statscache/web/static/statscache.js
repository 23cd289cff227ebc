// Keeps a page current, lets its forms answer in place, and copies lines.
// Every page works without this file.
(() => {
  "use strict";

  const MINUTE = 60_000;
  const WAIT = 3000;
  const TYPING = 250; // milliseconds until what is typed is searched for
  const ANEW = { headers: { Accept: "text/html" }, cache: "no-cache" };
  const SHARE = 10; // a page that took a second to come rests for ten

  class Away extends Error {} // nobody answers

  const main = document.querySelector("main");
  const light = document.getElementById("live");
  document.documentElement.classList.add("scripted");

  // --- One page in the place of another ------------------------------------------------------

  let visiting = null; // the request that a person makes, and where it leads
  let refreshing = null; // the request of a page for itself
  let here = location.pathname + location.search;

  async function ask(url, signal) {
    try {
      const response = await fetch(url, { ...ANEW, signal });
      return [response, await response.text()];
    } catch (error) {
      throw error.name === "AbortError" ? error : new Away();
    }
  }

  /** Show the page at `url` by changing this one where it differs; the form only where asked. */
  async function show(url, { withForms, signal }) {
    const [response, text] = await ask(url, signal);
    const page = new DOMParser().parseFromString(text, "text/html");
    const held = document.activeElement;
    if (!response.ok || !page.querySelector("header ~ main")) throw new Error("no page of ours");
    const isTyped = held?.matches("input") && (!withForms || held.value !== held.defaultValue);
    // Chromium falls over a field with a list that goes while it has the focus.
    if (held?.id && !page.getElementById(held.id)) held.blur();
    const keepForm = (node) => withForms || !(node instanceof HTMLFormElement);
    const keepOpen = (name, node) => !(node instanceof HTMLDetailsElement && name === "open");
    for (const part of ["header", "main"]) {
      Idiomorph.morph(document.querySelector(part), page.querySelector(part), {
        ignoreActiveValue: isTyped,
        callbacks: { beforeNodeMorphed: keepForm, beforeAttributeUpdated: keepOpen },
      });
    }
    document.title = page.title;
    document.dispatchEvent(new CustomEvent("statscache:shown", { detail: { isSame: !withForms } }));
    return response.url;
  }

  /** Go to `url` as a link would, but keep scroll and focus. */
  async function visit(url, remember) {
    if (visiting?.url === url) return;
    visiting?.request.abort();
    refreshing?.abort();
    const mine = (visiting = { url, request: new AbortController() });
    isOld = false;
    try {
      const arrived = await show(url, { withForms: true, signal: mine.request.signal });
      history[remember](null, "", arrived);
      here = location.pathname + location.search;
      listen();
    } catch (error) {
      if (error instanceof Away) tell("lost");
      else if (error.name !== "AbortError") location.assign(url);
    }
    if (visiting !== mine) return;
    visiting = null;
    settle();
  }

  // --- A page that stays current -------------------------------------------------------------

  let stream = null;
  let timer = null;
  let shown = performance.now();
  let rest = 0; // milliseconds
  let isOld = false; // whether something has changed since the page was asked for

  function plan(wait) {
    clearTimeout(timer);
    if (main.dataset.live && !document.hidden) timer = setTimeout(refresh, wait);
  }

  /** Something has changed: be current soon, but do not ask more often than a page is worth. */
  function changed() {
    isOld = true;
    if (refreshing || visiting) return;
    const pace = Math.max(1000 * (main.dataset.pace ?? 1), rest);
    plan(Math.max(0, shown + pace - performance.now()));
  }

  /** Whether somebody has selected a part of what would change. */
  function isReading() {
    const selection = getSelection();
    return !selection.isCollapsed && main.contains(selection.anchorNode);
  }

  async function refresh() {
    if (refreshing || visiting) return;
    if (isReading()) {
      tell("paused");
      return plan(1000);
    }
    const began = performance.now();
    const { signal } = (refreshing = new AbortController());
    isOld = false;
    try {
      await show(location.href, { withForms: false, signal });
      tell(stream?.readyState === EventSource.OPEN ? "live" : "lost");
    } catch (error) {
      if (error.name !== "AbortError") tell("lost");
    }
    refreshing = null;
    rest = SHARE * (performance.now() - began);
    settle();
  }

  /** A page has come: what has changed meanwhile, or in a minute what time has changed, is next. */
  function settle() {
    shown = performance.now();
    if (isOld) changed();
    else plan(MINUTE);
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
    stream.onopen = () => tell("live");
    stream.onmessage = changed;
    stream.addEventListener("reset", changed);
    stream.onerror = () => {
      tell("lost");
      // The browser comes back by itself, but not where it was refused.
      if (stream?.readyState === EventSource.CLOSED) setTimeout(listen, MINUTE / 2);
    };
    // A browser has six lines to a server; who comes seventh waits.
    setTimeout(() => stream?.readyState === EventSource.CONNECTING && tell("lost"), WAIT);
    plan(MINUTE);
  }

  /** For whoever does not see it. */
  function say(words) {
    const said = document.getElementById("said");
    said.textContent = "";
    setTimeout(() => (said.textContent = words), 50);
  }

  const STATES = { live: "Live", lost: "Not live", paused: "Paused: text is selected" };

  function tell(state) {
    light.hidden = !main.dataset.live;
    light.dataset.state = state;
    if (light.textContent !== STATES[state]) light.textContent = STATES[state];
  }

  // --- Forms and lines to copy ---------------------------------------------------------------

  let typing = null;

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
    clearTimeout(typing);
    visit(address(event.target), "pushState");
  });

  document.addEventListener("change", (event) => {
    if (event.target.type !== "search") event.target.form?.requestSubmit();
  });

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
      say("Copied");
      setTimeout(() => button.classList.remove("copied"), 1500);
    } catch {
      if (button.href) location.assign(button.href);
    }
  });

  document.addEventListener("statscache:visit", ({ detail }) => visit(detail, "pushState"));
  document.addEventListener("statscache:say", ({ detail }) => say(detail));
  addEventListener("popstate", () => {
    // A way to a part of the same page is no visit.
    if (here !== location.pathname + location.search) visit(location.href, "replaceState");
  });
  function look() {
    listen();
    if (!document.hidden && main.dataset.live) changed();
  }
  document.addEventListener("visibilitychange", look);
  addEventListener("pageshow", ({ persisted }) => persisted && look());
  listen();
})();
