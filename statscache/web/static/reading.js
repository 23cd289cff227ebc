// Reads a chart: the numbers of a window by pointer or arrow keys, and a closer look by dragging.
// The numbers are those that were drawn; where they are drawn, the picture says itself.
(() => {
  "use strict";

  const MOST = 8; // series that are told of: those with most
  const SPACE = 8; // pixels
  const WEEK = 7;
  const PLACE = /data-(plot|days)="(\S+) (\S+) (\S+) (\S+)"/;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });

  const band = element("div", "band");
  const box = element("div", "reading");
  box.setAttribute("aria-hidden", "true"); // what keys read is said

  let shown = null; // the figure that is read, which of its windows, and whether by keys
  let from = null; // the figure, and the time of the window, where a drag began
  let known = [null, null]; // the numbers of a chart, as text and as such

  function element(name, className, text = "") {
    const made = document.createElement(name);
    made.className = className;
    made.textContent = text;
    return made;
  }

  // --- What is drawn, and where ----------------------------------------------------------------

  /** What `figure` shows now; null where there is nothing to read. */
  function chart(figure) {
    const images = figure?.dataset.reading ? [...figure.querySelectorAll("img")] : [];
    const image = images.find((one) => one.clientWidth);
    const place = image?.naturalWidth && PLACE.exec(decodeURIComponent(image.currentSrc));
    if (!place) return null;
    const numbers = parsed(image.dataset.reading ?? figure.dataset.reading);
    const scale = image.clientWidth / image.naturalWidth;
    const drawn = place[1] === "days" ? calendar : plot;
    const places = place.slice(2).map(Number);
    const last = numbers.borders.length - 2;
    return { ...numbers, figure, image, last, scale, ...drawn(numbers.borders, last, ...places) };
  }

  function parsed(text) {
    if (known[0] !== text) known = [text, JSON.parse(text)];
    return known[1];
  }

  /** Windows from left to right. `at` finds the one at a point, `around` where some stand. */
  function plot(borders, last, left, right, top, bottom) {
    const share = (right - left) / (borders.at(-1) - borders[0]);
    const x = (time) => left + share * (time - borders[0]);
    const at = (place) => {
      const next = borders.findIndex((border) => x(border) > place);
      return next === -1 ? last : Math.max(0, next - 1);
    };
    const around = (first, end) => [x(borders[first]), x(borders[end + 1]), top, bottom];
    return { at, around, steps: { ArrowLeft: -1, ArrowRight: 1 }, isDragged: true };
  }

  /** Days from top to bottom, weeks from left to right. */
  function calendar(_borders, last, left, top, step, weekday) {
    const at = (x, y) => {
      const row = Math.floor((y - top) / step);
      const day = WEEK * Math.floor((x - left) / step) + row - weekday;
      return row >= 0 && row < WEEK && day >= 0 && day <= last ? day : null;
    };
    const around = (day) => {
      const [x, y] = [Math.floor((day + weekday) / WEEK), (day + weekday) % WEEK];
      return [left + x * step, left + (x + 1) * step, top + y * step, top + (y + 1) * step];
    };
    const steps = { ArrowLeft: -WEEK, ArrowRight: WEEK, ArrowUp: -1, ArrowDown: 1 };
    return { at, around, steps, isDragged: false };
  }

  /** The window that a pointer is at, or null. */
  function under(event, read) {
    const { left, top } = read.image.getBoundingClientRect();
    return read.at((event.clientX - left) / read.scale, (event.clientY - top) / read.scale);
  }

  // --- What is told of it ----------------------------------------------------------------------

  function show(read, at, began = at) {
    const [first, last] = [Math.min(at, began), Math.max(at, began)];
    const { offsetLeft, offsetTop, clientWidth } = read.image;
    const [left, right, top, bottom] = read.around(first, last).map((one) => one * read.scale);
    const width = Math.max(1, right - left);
    put(band, { left: offsetLeft + left, top: offsetTop + top, width, height: bottom - top });
    box.replaceChildren(...(first === last ? told(read, at) : between(read, first, last)));
    read.figure.append(band, box);
    const beside = left < clientWidth / 2 ? right + SPACE : left - SPACE - box.offsetWidth;
    const most = read.figure.scrollLeft + read.figure.clientWidth - box.offsetWidth - SPACE;
    put(box, { left: Math.max(SPACE, Math.min(offsetLeft + beside, most)), top: offsetTop + top });
    shown = { figure: read.figure, at, time: read.borders[at], byKeys: false };
  }

  function put(part, places) {
    part.removeAttribute("style");
    for (const [name, pixels] of Object.entries(places)) part.style[name] = `${pixels}px`;
  }

  function hide() {
    band.remove();
    box.remove();
    shown = from = null;
  }

  /** The lines of the box: when, and how much, the most first. */
  function told(read, at) {
    const when = read.times[at] + (at < read.over ? "" : " · not over yet");
    const lines = read.series.map(({ name, values, colours }) => ({
      name: read.series.length > 1 ? name : read.unit,
      value: values[at],
      colour: colours[+dark.matches],
    }));
    lines.sort((one, other) => (other.value ?? -Infinity) - (one.value ?? -Infinity));
    return [element("b", "", when), ...lines.slice(0, MOST).map(line)];
  }

  function line({ name, value, colour }) {
    const made = element("p", "");
    const mark = element("i", "");
    mark.style.background = colour;
    const words = value == null ? "–" : number.format(value);
    made.append(mark, element("span", "", name), element("b", "", words));
    return made;
  }

  function between(read, first, last) {
    return [element("b", "", `${read.times[first]} – ${read.times[last]}`)];
  }

  /** The same page for the time from one window to another. */
  function closer(read, first, last) {
    const url = new URL(location.href);
    const moment = (seconds) => new Date(1000 * seconds).toISOString().replace(".000", "");
    for (const name of ["page", "cursor", "before"]) url.searchParams.delete(name);
    url.searchParams.set("start", moment(read.borders[first]));
    url.searchParams.set("stop", moment(read.borders[last + 1] - 1));
    document.dispatchEvent(new CustomEvent("statscache:visit", { detail: url.href }));
  }

  // --- What its reader does --------------------------------------------------------------------

  const figureOf = ({ target }) => target.closest?.("figure.chart");

  /** The window where the drag began: the page may have gone on since. */
  const began = (read) => Math.max(0, read.borders.indexOf(from.time));

  document.addEventListener("pointermove", (event) => {
    const read = chart(from?.figure ?? figureOf(event));
    const at = read && under(event, read);
    if (at != null) show(read, at, from ? began(read) : at);
    else if (!shown?.byKeys) hide();
  });

  document.addEventListener("pointerdown", (event) => {
    from = null;
    const read = event.button === 0 && chart(figureOf(event));
    const at = read ? under(event, read) : null;
    if (at == null) return;
    show(read, at);
    // A finger that moves on scrolls the page.
    const isFinger = event.pointerType === "touch";
    if (read.isDragged && !isFinger) from = { figure: read.figure, time: read.borders[at] };
  });

  document.addEventListener("pointerup", () => {
    const read = from && shown && chart(from.figure);
    const [first, last] = read ? [began(read), shown.at].sort((a, b) => a - b) : [];
    if (first < last) closer(read, first, last);
    from = null;
  });
  document.addEventListener("pointercancel", hide);

  document.addEventListener("keydown", (event) => {
    const isShortcut = event.altKey || event.ctrlKey || event.metaKey;
    const read = !isShortcut && event.target.matches?.("figure.chart") && chart(event.target);
    if (!read) return;
    if (event.key === "Escape") return hide();
    const at = shown ? shown.at : read.last + 1;
    const ends = { Home: 0, End: read.last };
    const to = ends[event.key] ?? at + read.steps[event.key];
    if (Number.isNaN(to)) return;
    event.preventDefault();
    show(read, Math.max(0, Math.min(read.last, to)));
    shown.byKeys = true;
    const words = [...box.children].map((one) => one.innerText.replaceAll("\n", " ")).join(", ");
    document.dispatchEvent(new CustomEvent("statscache:say", { detail: words }));
  });

  document.addEventListener("dragstart", (event) => figureOf(event) && event.preventDefault());
  document.addEventListener("focusout", () => shown?.byKeys && hide());
  document.addEventListener("pointerleave", hide);
  document.addEventListener("statscache:shown", ({ detail }) => {
    const read = detail.isSame && shown && chart(shown.figure);
    const at = read ? read.borders.indexOf(shown.time) : -1;
    if (at < 0 || at > read.last) return hide();
    const { byKeys } = shown;
    show(read, at, from ? began(read) : at);
    shown.byKeys = byKeys;
  });
})();
