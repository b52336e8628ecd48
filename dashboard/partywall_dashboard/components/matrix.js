// A table of tenants by tenants; each number leads to its findings. Foreign text is only set as textContent.
const LIGHT = [[255, 236, 214], [253, 190, 133], [236, 112, 40], [156, 44, 0]];
const UPRIGHT = 6; // with more columns than this their names are turned
const FEW = 8; // a single finding is not painted as the worst
const DARK = [[58, 38, 26], [112, 58, 28], [188, 92, 38], [255, 154, 98]];

function shade(ramp, share) {
  const at = Math.min(2.999, share * 3), from = Math.floor(at), part = at - from;
  return ramp[from].map((value, i) => Math.round(value + (ramp[from + 1][i] - value) * part));
}

// Black or white, whichever stands out more from the ground (relative luminance).
function ink(ground) {
  const [r, g, b] = ground.map((value) => ((value / 255) ** 2.2));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.26 ? '#1B1208' : '#FFFFFF';
}

function make(name, text, className) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}

function header(text, scope) {
  const cell = make('th', text);
  cell.scope = scope;
  cell.title = text;
  return cell;
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector('.matrix');
  const ramp = data.dark ? DARK : LIGHT;
  const counts = new Map(data.cells.map(([from, to, number]) => [JSON.stringify([from, to]), number]));
  const most = Math.max(FEW, ...counts.values());

  const cell = (from, to) => {
    const number = counts.get(JSON.stringify([from, to])) || 0;
    const box = make('td');
    if (!number) {
      box.append(from === to ? make('span', '–', 'same') : make('span', '·', 'none'));
      return box;
    }
    const button = make('button', number.toLocaleString('en'));
    const ground = shade(ramp, (number / most) ** 0.7);
    button.style.background = `rgb(${ground})`;
    button.style.color = ink(ground);
    button.setAttribute('aria-label', `${number} findings: ${from} reached ${to}`);
    button.onclick = () => setTriggerValue('cell', [from, to]);
    box.append(button);
    return box;
  };

  const table = make('table', undefined, data.to.length > UPRIGHT ? 'turned' : ''), head = make('thead'), body = make('tbody'), top = make('tr');
  table.style.minWidth = `${130 + 41 * data.to.length}px`;
  table.style.maxWidth = `${130 + 130 * data.to.length}px`;
  top.append(make('td', 'from ↓   reached →', 'corner'), ...data.to.map((tenant) => header(tenant, 'col')));
  head.append(top);
  for (const from of data.from) {
    const row = make('tr');
    row.append(header(from, 'row'), ...data.to.map((to) => cell(from, to)));
    body.append(row);
  }
  table.append(head, body);
  root.replaceChildren(table);
}
