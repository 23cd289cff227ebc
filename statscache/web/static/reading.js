// Reads a chart: the numbers of a window by pointer or arrow keys, and a closer look by dragging.
// The numbers are those that were drawn; where they are drawn, the picture says itself.
(() => {
  "use strict";

  const MOST = 8; // series that are told of: those with most
  const PLOT = /data-plot="(\S+) (\S+) (\S+) (\S+)"/;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });

  const band = element("div", "band");
  const box = element("div", "reading");
  box.setAttribute("role", "status");

  let shown = null; // the figure that is read, which of its windows, and whether by keys
  let from = null; // the same, where a drag began

  function element(name, className, text = "") {
    const made = document.createElement(name);
    made.className = className;
    made.textContent = text;
    return made;
  }

  /** What `figure` shows now, and where on the screen; null where there is nothing to read. */
  function chart(figure) {
    const image = figure?.querySelector("img[data-reading]");
    if (!image?.naturalWidth) return null;
    const sources = [...figure.querySelectorAll("source")];
    const source = sources.find(({ media }) => matchMedia(media).matches) ?? image;
    const numbers = JSON.parse(source.dataset.reading);
    const { borders } = numbers;
    const scale = image.clientWidth / image.naturalWidth;
    const place = PLOT.exec(decodeURIComponent(image.currentSrc)).slice(1).map((one) => scale * one);
    const [left, right, top, bottom] = place;
    const share = (right - left) / (borders.at(-1) - borders[0]);
    const x = (time) => image.offsetLeft + left + share * (time - borders[0]);
    const last = borders.length - 2;
    return { ...numbers, figure, image, last, x, top, bottom, middle: (left + right) / 2 };
  }

  /** The window that a pointer is at. */
  function under(event, read) {
    const place = event.clientX - read.figure.getBoundingClientRect().left - read.figure.clientLeft;
    const next = read.borders.findIndex((border) => read.x(border) > place);
    return next === -1 ? read.last : Math.max(0, next - 1);
  }

  function show(read, at, began = at) {
    const [first, last] = [Math.min(at, began), Math.max(at, began)];
    const [left, right] = [read.x(read.borders[first]), read.x(read.borders[last + 1])];
    const top = read.image.offsetTop + read.top;
    put(band, { left, top, width: Math.max(1, right - left), height: read.bottom - read.top });
    box.replaceChildren(...(first === last ? told(read, at) : between(read, first, last)));
    const isLeft = left < read.middle;
    const beside = isLeft ? right : read.figure.clientWidth - left;
    put(box, { top, [isLeft ? "left" : "right"]: beside + 8 });
    read.figure.append(band, box);
    shown = { figure: read.figure, at, byKeys: false };
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

  const figureOf = ({ target }) => target.closest?.("figure.chart");

  document.addEventListener("pointermove", (event) => {
    const read = chart(from?.figure ?? figureOf(event));
    if (read) show(read, under(event, read), from?.at);
    else if (!shown?.byKeys) hide();
  });

  document.addEventListener("pointerdown", (event) => {
    const read = event.button === 0 && chart(figureOf(event));
    if (!read) return;
    const at = under(event, read);
    show(read, at);
    // A finger that moves on scrolls the page.
    if (event.pointerType !== "touch") from = { figure: read.figure, at };
  });

  document.addEventListener("pointerup", () => {
    const read = from && chart(from.figure);
    if (read && from.at !== shown.at) closer(read, ...[from.at, shown.at].sort((a, b) => a - b));
    from = null;
  });

  document.addEventListener("keydown", (event) => {
    const read = event.target.matches?.("figure.chart") && chart(event.target);
    if (!read) return;
    if (event.key === "Escape") return hide();
    const at = shown ? shown.at : read.last + 1;
    const steps = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: read.last };
    if (!(event.key in steps)) return;
    event.preventDefault();
    show(read, Math.max(0, Math.min(read.last, steps[event.key])));
    shown.byKeys = true;
  });

  document.addEventListener("dragstart", (event) => figureOf(event) && event.preventDefault());
  document.addEventListener("focusout", hide);
  document.addEventListener("pointerleave", hide);
  document.addEventListener("statscache:shown", ({ detail }) => {
    const read = detail.isSame && shown && chart(shown.figure);
    const byKeys = shown?.byKeys;
    if (!read) return hide();
    show(read, Math.min(shown.at, read.last));
    shown.byKeys = byKeys;
  });
})();
