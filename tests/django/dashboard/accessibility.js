// What a page must be for everybody: returns what is wrong with it, each in words; nothing where all is well.
() => {
  const wrong = [];
  const say = (what, element) => wrong.push(element ? `${what}: ${element.outerHTML.slice(0, 120)}` : what);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const isShown = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest("[aria-hidden=true]");
  const nameOf = (element) => {
    const by = element.getAttribute("aria-labelledby");
    if (by) return by.split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim();
    return (element.getAttribute("aria-label") ?? (element.labels?.length ? element.labels[0].textContent : element.textContent)).trim();
  };

  if (!document.documentElement.lang) say("the page has no language");
  if (!document.title.trim()) say("the page has no title");
  if (all("main").length !== 1) say("there is not one main");
  for (const landmark of ["header", "nav", "footer"]) if (!all(landmark).length) say(`there is no ${landmark}`);
  for (const nav of all("nav")) if (!nameOf(nav) || !nav.hasAttribute("aria-label")) say("a navigation has no name", nav);

  const headings = all("h1, h2, h3, h4").map((each) => Number(each.tagName[1]));
  if (headings.filter((level) => level === 1).length !== 1) say("there is not one h1");
  headings.forEach((level, place) => { if (place && level > headings[place - 1] + 1) say(`an h${level} follows an h${headings[place - 1]}`); });

  const ids = all("[id]").map((each) => each.id);
  ids.forEach((id, place) => { if (ids.indexOf(id) !== place) say(`two elements have the id ${id}`); });
  for (const attribute of ["aria-labelledby", "aria-describedby", "for"])
    for (const element of all(`[${attribute}]`))
      for (const id of element.getAttribute(attribute).split(/\s+/)) if (!document.getElementById(id)) say(`${attribute} names nothing`, element);

  for (const element of all("a[href], button, summary, input, select")) if (isShown(element) && !nameOf(element)) say("it has no name", element);
  for (const element of all("input, select")) if (!element.labels?.length) say("a field has no label", element);
  for (const svg of all("svg")) if (svg.getAttribute("aria-hidden") !== "true" && !(svg.getAttribute("role") === "img" && nameOf(svg))) say("a drawing says nothing", svg);
  for (const table of all("table")) if (!table.caption?.textContent.trim()) say("a table has no caption", table);
  for (const cell of all("th")) if (!cell.getAttribute("scope")) say("a heading of a table does not say of what", cell);
  for (const cell of all("th")) if (!cell.textContent.trim()) say("a heading of a table is empty", cell);
  for (const element of all("[tabindex]")) if (element.tabIndex > 0) say("it jumps the queue", element);
  for (const list of all("ul, ol")) for (const child of list.children) if (child.tagName !== "LI") say("a list holds what is no item", list);
  for (const list of all("dl > div")) if (!list.querySelector("dt") || !list.querySelector("dd")) say("a term without what it is", list);
  for (const element of all("main *")) {
    const style = getComputedStyle(element);
    const scrolls = /auto|scroll/.test(style.overflowX + style.overflowY) && (element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 1);
    if (scrolls && element.tabIndex < 0) say("it scrolls and the keyboard cannot", element);
  }
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth) say("the page is wider than the window");
  for (const element of all("[style], [onclick], [onload]")) say("it has something inline", element);

  // Contrast as WCAG 2 has it, over whatever lies behind a text.
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const parse = (colour) => {
    if (!known.has(colour)) known.set(colour, paint(colour));
    return known.get(colour);
  };
  const paint = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [r2, g2, b2]) => [r * a + r2 * (1 - a), g * a + g2 * (1 - a), b * a + b2 * (1 - a), 1];
  const ground = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) layers.push(parse(getComputedStyle(each).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((each) => { const c = each / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility() || element.closest("title, desc, script, .visually-hidden")) continue;
    const style = getComputedStyle(element);
    const behind = ground(element);
    const [one, two] = [light(over(parse(style.color), behind)), light(behind)].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const ratio = (one + 0.05) / (two + 0.05);
    if (ratio < least) say(`contrast ${ratio.toFixed(2)} is below ${least}`, element);
  }
  return [...new Set(wrong)];
}
