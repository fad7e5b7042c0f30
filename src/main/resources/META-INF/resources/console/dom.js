// Builds what is on the page. Strings become text nodes and nothing else: no text is ever read as markup.

const SVG = 'http://www.w3.org/2000/svg';

/** An element; attributes that are null, undefined or false are left out, and those named `on…` are listeners. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') {
      node.addEventListener(name.slice(2), value);
    } else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? '' : value);
    }
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** A region that is rebuilt only when what it shows has changed, so that focus and reading position stay. */
export function region(node, build) {
  let shown;
  return (data) => {
    const key = JSON.stringify(data);
    if (key !== shown) {
      shown = key;
      node.replaceChildren(...[build(data)].flat().filter(Boolean));
    }
  };
}

/** A titled card; `body` is its content. */
export function card(title, ...body) {
  return el('section', { class: 'card' }, el('h2', {}, title), ...body);
}

/** An entry of a description list. */
export function fact(name, ...value) {
  return el('div', {}, el('dt', {}, name), el('dd', {}, ...value));
}

/** Shows whether the view is up to date. */
export function showLive(node, isLive) {
  const text = isLive ? 'Live' : 'Connection lost, reconnecting…';
  if (node.textContent !== text) {
    node.textContent = text;
    node.classList.toggle('lost', !isLive);
  }
}

/** The mark beside a word, so that no state is told by its colour alone. */
export function mark(kind) {
  const paths = {
    good: 'm5 10.500 3.500 3.500L15 7',
    busy: 'M10 5v5l3.500 2',
    bad: 'M6.500 6.500l7 7m0-7l-7 7',
    warn: 'M10 5.500v5.500m0 3.200v.1',
    unknown: 'M6.500 10h7',
  };
  return svg(
    'svg',
    { class: `mark ${kind}`, viewBox: '0 0 20 20', 'aria-hidden': 'true' },
    svg('circle', { cx: 10, cy: 10, r: 10 }),
    svg('path', { d: paths[kind] }),
  );
}
