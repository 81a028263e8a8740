// The list of events: a real table one can walk with the arrow keys. A click paints the panel at once (the row
// already holds the whole event) and tells the server, which puts the choice into the URL.

const COLUMNS = [['event', 'Event'], ['customer', 'Customer ID'], ['path', 'Path'], ['country', 'Country'], ['device', 'Device'], ['time', 'Time']];

function eventCell(row) {
  return el('td', {}, el('div', { class: 'event' }, dot(row.event), el('span', { class: 'name', text: row.event, title: row.event }),
    row.modal ? el('span', { class: 'modal', text: row.modal, title: row.modal }) : null));
}

function customerCell(row, data) {
  if (!row.customer_id) return el('td', { class: 'muted', text: 'Anonymous' });
  const href = `${data.profile}?customer=${encodeURIComponent(row.customer_id)}`;
  return el('td', {}, el('a', { href, target: '_self', text: row.customer_id, title: row.customer_id, on: { click: (event) => event.stopPropagation() } }));
}

function tableRow(row, data, index) {
  const selected = row.event_id === data.selected;
  const country = el('td', { title: row.country }, flag(row.country_code), row.country ?? el('span', { class: 'muted', text: '–' }));
  const tr = el('tr', { 'data-row': row.event_id, 'aria-rowindex': data.first + index + 1, 'aria-selected': String(selected) },
    eventCell(row), customerCell(row, data), el('td', { text: row.path ?? '', title: row.path }), country,
    el('td', { text: row.device ?? '' }), el('td', { class: 'num', text: row.time, title: row.time_full }));
  reach(tr, selected || (!data.selected && index === 0));
  return tr;
}

function mark(body, id) {
  for (const tr of body.children) {
    const selected = tr.dataset.row === id;
    tr.setAttribute('aria-selected', String(selected));
    if (selected) for (const other of body.children) reach(other, other === tr);
  }
}

function build(root, data) {
  const body = el('tbody', {}, ...data.rows.map((row, index) => tableRow(row, data, index)));
  const heads = COLUMNS.map(([name, label]) => el('th', { scope: 'col', class: `of-${name}`, 'aria-sort': name === 'time' && 'descending', text: name === 'time' ? `Time (${data.zone}) ↓` : label }));
  const table = el('table', { role: 'grid', 'aria-label': data.label, 'aria-rowcount': data.total + 1 },
    el('thead', {}, el('tr', { 'aria-rowindex': 1 }, ...heads)), body);
  const wrap = el('div', { class: 'wrap' }, table);
  wrap.style.maxHeight = data.height;
  const open = (tr) => {
    const row = root.rows.get(tr.dataset.row);
    if (!row) return;
    mark(body, row.event_id);
    root.chosen = row.event_id;
    clearTimeout(root.patience);
    root.patience = setTimeout(() => { root.chosen = null; mark(body, root.selected); }, PATIENCE);
    document.dispatchEvent(new CustomEvent('activity:open', { detail: row }));
    root.act({ do: 'open', id: row.event_id });
  };
  body.addEventListener('click', (event) => {
    const tr = event.target.closest('[data-row]');
    if (tr) { tr.focus({ preventScroll: true }); open(tr); }
  });
  rowKeys(body, open);
  root.replaceChildren(wrap);
  root.body = body;
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector('.root');
  root.act = (action) => setTriggerValue('action', action);
  root.selected = data.selected;
  root.rows = new Map(data.rows.map((row) => [row.event_id, row]));
  const key = JSON.stringify([data.rows, data.label, data.height]);
  if (root.key !== key) {
    root.key = key;
    root.chosen = null;
    build(root, data);
  } else if (!root.chosen || root.chosen === data.selected) {
    root.chosen = null;  // an answer to an older click must not move the mark back
    mark(root.body, data.selected);
  }
  const closed = () => { root.chosen = null; mark(root.body, null); };
  const back = () => { root.chosen = null; };
  const keys = (event) => {
    if (typing(event) || event.metaKey || event.ctrlKey || event.altKey) return;
    if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && event.target === document.body) {
      event.preventDefault();
      (root.body.querySelector('[tabindex="0"]') ?? root.body.firstElementChild)?.focus();
    }
  };
  window.addEventListener('popstate', back);
  document.addEventListener('activity:close', closed);
  document.addEventListener('keydown', keys);
  return () => {
    window.removeEventListener('popstate', back);
    document.removeEventListener('activity:close', closed);
    document.removeEventListener('keydown', keys);
  };
}
