// Draws one chain: a lane for each tenant, time from left to right. Foreign text is only set as textContent.
const SVG = 'http://www.w3.org/2000/svg';
const SMALLEST_SCALE = 0.74;

const ICONS = {
  human: 'M8 7.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM2 14.5c0-3 3-4.5 6-4.5s6 1.5 6 4.5Z',
  agent: 'M3 5h10v8H3zM8 2v3M6 8.5v1M10 8.5v1M1 8v3M15 8v3',
  tool: 'M3 13.5l6-6M8 5a3.5 3.5 0 0 1 4.5-3l-2 2 .5 1.5 1.5.5 2-2A3.5 3.5 0 0 1 9.5 8.5',
  dataset: 'M2.5 4c0-2.5 11-2.5 11 0v8c0 2.5-11 2.5-11 0zM2.5 4c0 2.5 11 2.5 11 0M2.5 8c0 2.5 11 2.5 11 0',
  credential: 'M5 12a3.5 3.5 0 1 1 3.3-4.7H15v3h-2v2h-2.5v-2H8.3A3.5 3.5 0 0 1 5 12Z',
  party: 'M1.5 3.5h13v9h-13zM1.5 4l6.5 5 6.5-5',
  request: 'M3.5 1.5h6l3 3v10h-9zM9.5 1.5v3h3M5.5 8h5M5.5 11h5',
  folded: 'M3 8h1M7.5 8h1M12 8h1',
};
const OTHER = 'M3 3h10v10H3z';

function draw(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  return element;
}

const cut = (text, length) => (text.length > length ? text.slice(0, length - 1) + '…' : text);
const icon = (kind) => draw('path', { class: 'icon', d: ICONS[kind] || OTHER });

function arrowhead(id, size) {
  const head = draw('marker', { id, viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: size, markerHeight: size, orient: 'auto' });
  head.append(draw('path', { class: id, d: 'M0 0L8 4L0 8z' }));
  return head;
}

function lane(item, width) {
  const name = draw('g', {});
  name.append(
    draw('rect', { class: 'edge', x: 0, y: item.y, width: 6, height: item.height, fill: item.colour }),
    draw('text', { class: 'tenant', x: 16, y: item.y + 20 }, item.name),
  );
  return [draw('rect', { class: 'lane', x: 0, y: item.y, width, height: item.height }), name];
}

// A point on the hop's curve for its words, where they cover neither a step nor other words.
function clear(curve, width, taken) {
  for (const t of [0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74]) {
    const s = 1 - t;
    const [x, y] = [0, 1].map((i) => s ** 3 * curve[0][i] + 3 * s * s * t * curve[1][i] + 3 * s * t * t * curve[2][i] + t ** 3 * curve[3][i]);
    const box = { left: x - width / 2, right: x + width / 2, top: y - 12, bottom: y + 12 };
    const free = taken.every((other) => box.right < other.left || box.left > other.right || box.bottom < other.top || box.top > other.bottom);
    if (!free && t !== 0.74) continue;
    taken.push(box);
    return [x, y];
  }
}

const pillWidth = (text) => text.length * 6.3 + 18;

function pill(text, [x, y], judged) {
  const width = pillWidth(text);
  const group = draw('g', { class: 'pill ' + judged, transform: `translate(${x},${y})` });
  group.append(draw('rect', { x: -width / 2, y: -10, width, height: 20, rx: 10 }), draw('text', { y: 4 }, text));
  return group;
}

// A hop that leads back (a result returned) goes over the top of the steps.
function hopBack(item, from, to) {
  const x1 = from.x + from.width / 2, x2 = to.x + to.width / 2;
  const over = Math.min(from.y, to.y) - 20;
  const line = draw('path', {
    class: 'hop back', d: `M${x1} ${from.y}C${x1} ${over} ${x2} ${over} ${x2} ${to.y - 2}`, 'marker-end': 'url(#head)',
  });
  line.append(draw('title', {}, `${item.label || 'leads back'} · ${item.proof}`));
  return [line, item.label ? draw('text', { class: 'label middle', x: (x1 + x2) / 2, y: over + 9 }, cut(item.label, 21)) : null];
}

function hop(item, from, to, judged, taken) {
  if (to.x <= from.x && !item.crossing) return hopBack(item, from, to);
  const x1 = from.x + from.width, y1 = from.y + from.height / 2 + item.leaves;
  const x2 = to.x - 2, y2 = to.y + to.height / 2 + item.enters;
  const bend = item.crossing ? 48 : Math.max(34, (x2 - x1) / 2);
  const line = draw('path', {
    class: item.crossing ? 'hop crossing ' + judged : 'hop',
    d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`,
    'marker-end': `url(#${item.crossing ? 'crossing-head' : 'head'})`,
  });
  line.append(draw('title', {}, `${item.label || 'leads to'} · ${item.proof}`));
  if (item.crossing) {
    const words = cut(item.label || 'goes', 26) + ' across the wall';
    const curve = [[x1, y1], [x1 + bend, y1], [x2 - bend, y2], [x2, y2]];
    return [line, pill(words, clear(curve, pillWidth(words), taken), judged)];
  }
  return [line, item.label ? draw('text', { class: 'label', x: x2 - 9, y: y2 - 6 }, cut(item.label, 21)) : null];
}

function step(item, selected, choose) {
  const group = draw('g', {
    class: 'step ' + (item.kind === 'folded' ? 'folded' : '') + (selected ? ' selected' : ''),
    tabindex: 0, role: 'button', 'aria-pressed': selected, 'data-id': item.id,
    'aria-label': `${item.kind} ${item.label}, ${item.lane}`, transform: `translate(${item.x},${item.y})`,
  });
  const sign = draw('g', { transform: 'translate(10,14)' });
  sign.append(icon(item.kind));
  group.append(
    draw('rect', { width: item.width, height: item.height, rx: 8 }),
    sign,
    draw('text', { x: 34, y: 19 }, cut(item.label, Math.floor((item.width - 40) / 6.4))),
    draw('text', { class: 'kind', x: 34, y: 33 }, item.kind),
    draw('title', {}, `${item.label} (${item.kind}), ${item.lane}`),
  );
  group.addEventListener('click', () => choose(item.id));
  group.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    choose(item.id);
  });
  return group;
}

function legend(kinds, crossing) {
  const items = kinds.map((kind) => {
    const item = document.createElement('span');
    const sign = draw('svg', { width: 16, height: 16, viewBox: '0 0 16 16', 'aria-hidden': true });
    sign.append(icon(kind));
    item.append(sign, kind === 'folded' ? 'folded steps' : kind);
    return item;
  });
  if (crossing) {
    const item = document.createElement('span');
    item.append(document.createElement('b'), 'goes through the wall');
    items.push(item);
  }
  return items;
}

export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector('.chain');
  const host = root.querySelector('.scroll');
  const { picture, selected, label, judged } = data;
  const signature = JSON.stringify(picture);
  const fresh = host.signature !== signature;
  const left = host.scrollLeft;
  host.signature = signature;

  const space = host.clientWidth - 2;
  const scale = Math.max(SMALLEST_SCALE, Math.min(1, space / picture.width));
  const width = Math.max(picture.width, space / scale);
  const svg = draw('svg', {
    width: width * scale, height: picture.height * scale, viewBox: `0 0 ${width} ${picture.height}`,
    role: 'group', 'aria-label': label,
  });
  const heads = draw('defs', {});
  heads.append(arrowhead('head', 8), arrowhead('crossing-head', 4.5));
  svg.append(heads);

  const lanes = picture.lanes.map((item) => lane(item, width));
  svg.append(...lanes.map(([ground]) => ground));
  const at = new Map(picture.steps.map((item) => [item.id, item]));
  const taken = picture.steps.map((item) => ({ left: item.x, right: item.x + item.width, top: item.y, bottom: item.y + item.height }));
  const hops = picture.hops.map((item) => [item, ...hop(item, at.get(item.from), at.get(item.to), judged, taken)]);
  svg.append(...hops.filter(([item]) => !item.crossing).map(([, line]) => line));
  svg.append(...hops.filter(([item]) => item.crossing).map(([, line]) => line));
  svg.append(...hops.filter(([item, , text]) => !item.crossing && text).map(([, , text]) => text));

  const choose = (id) => {
    for (const group of svg.querySelectorAll('.step')) {
      group.classList.toggle('selected', group.dataset.id === id);
      group.setAttribute('aria-pressed', group.dataset.id === id);
    }
    setStateValue('selected', id);
  };
  svg.append(...picture.steps.map((item) => step(item, item.id === selected, choose)));
  svg.append(...hops.filter(([item]) => item.crossing).map(([, , text]) => text));
  svg.append(...lanes.map(([, name]) => name));
  host.replaceChildren(svg);

  const hold = () => lanes.forEach(([, name]) => name.setAttribute('transform', `translate(${host.scrollLeft / scale},0)`));
  host.onscroll = hold;
  const first = picture.hops.find((item) => item.crossing);
  const shown = first ? (at.get(first.to).x + at.get(first.to).width) * scale < host.clientWidth : true;
  const start = shown ? 0 : at.get(first.from).x * scale - host.clientWidth * 0.3;
  host.scrollLeft = fresh ? start : left;
  hold();
  const kinds = [...new Set(picture.steps.map((item) => item.kind))];
  root.querySelector('.legend').replaceChildren(...legend(kinds, Boolean(first)));
}
