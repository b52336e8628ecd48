// Draws the spans of one trace as bars over time. Foreign text is only set as textContent.
const MANY = 60;
const SHOWN_AT_MOST = 2000;

function make(name, className, text) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function duration(milliseconds) {
  if (milliseconds >= 60000) return (milliseconds / 60000).toFixed(1) + ' min';
  if (milliseconds >= 1000) return (milliseconds / 1000).toFixed(2) + ' s';
  return milliseconds >= 10 ? Math.round(milliseconds) + ' ms' : milliseconds.toFixed(1) + ' ms';
}

// The spans through the wall and everything above them.
function onThePath(rows) {
  const by = new Map(rows.map((row) => [row.id, row]));
  const kept = new Set();
  for (const row of rows) {
    for (let up = row; row.crossing && up && !kept.has(up.id); up = by.get(up.parent)) kept.add(up.id);
  }
  return rows.filter((row) => kept.has(row.id));
}

function bar(row, total) {
  const track = make('div', 'track');
  const left = (row.start / total) * 100;
  const width = Math.max(0.15, ((row.end - row.start) / total) * 100);
  const line = make('i');
  line.style.left = left + '%';
  line.style.width = Math.min(width, 100 - left) + '%';
  const text = make('em', '', duration(row.end - row.start));
  if (width > 80) {
    text.className = 'inside';
    text.style.left = `calc(${left}% + 8px)`;
  } else if (left + width > 85) text.style.right = `calc(${100 - left}% + 6px)`;
  else text.style.left = `calc(${left + width}% + 6px)`;
  track.append(line, text);
  return track;
}

function line(row, data) {
  const element = make('div', 'row' + (row.crossing ? ' crossing' : ''));
  element.setAttribute('role', 'listitem');
  element.style.setProperty('--depth', Math.min(row.depth, 14));
  element.style.setProperty('--colour', data.colours[row.lane] || '#6B6B6B');
  const name = make('div', 'name', row.name);
  name.title = `${row.name}, span ${row.id}`;
  if (row.failed) name.append(make('span', 'failed', ' ✕ error'));
  const lane = make('div', 'lane', row.lane);
  lane.title = row.lane;
  element.append(name, lane, bar(row, data.total));
  return element;
}

function scale(total) {
  const axis = make('div', 'axis');
  const ticks = make('div', 'ticks');
  for (let quarter = 0; quarter < 4; quarter++) ticks.append(make('span', '', duration((total * quarter) / 4)));
  axis.append(make('div', '', 'span'), make('div', '', 'tenant'), ticks);
  return axis;
}

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector('.waterfall');
  const path = onThePath(data.rows);
  if (root.trace !== data.trace) {
    root.trace = data.trace;
    root.onlyPath = data.rows.length > MANY && path.length > 0;
  }
  const show = () => {
    const chosen = root.onlyPath ? path : data.rows;
    const rows = chosen.slice(0, SHOWN_AT_MOST);
    const head = make('div', 'head');
    if (path.length) {
      const choice = make('label');
      const box = make('input');
      box.type = 'checkbox';
      box.checked = root.onlyPath;
      box.onchange = () => { root.onlyPath = box.checked; show(); };
      choice.append(box, ' Only spans on the path through the wall');
      head.append(choice);
    }
    head.append(make('span', 'count', `${rows.length.toLocaleString('en')} of ${data.rows.length.toLocaleString('en')} spans`));
    const list = make('div', 'rows');
    list.setAttribute('role', 'list');
    list.append(...rows.map((row) => line(row, data)));
    root.replaceChildren(head, scale(data.total), list);
  };
  show();
}
