// A table of which each number may be a button that asks who is behind it. A cell is {text, note, action, said, on, quiet}.

const LONGEST = 34;  // characters above a column

function cell(root, item) {
  const note = item.note ? el('small', { text: item.note }) : null;
  if (!item.action) return el('td', { class: 'right' }, el('span', { class: 'count' }, item.text, note));
  const button = el('button', { type: 'button', class: `count${item.on ? ' on' : ''}${item.quiet ? ' quiet' : ''}`, 'aria-label': item.said, 'aria-pressed': String(Boolean(item.on)),
    on: { click: () => root.act(item.action) } }, item.text, note);
  return el('td', { class: 'right' }, button);
}

function line(root, row, flags) {
  const fill = el('span', { class: 'fill' });
  fill.style.width = `${100 * row.fill}%`;
  const name = el('span', { class: row.muted ? 'text muted' : 'text' }, flags && !row.muted ? flag(countryCode(row.name)) : null, row.name);
  return el('tr', {}, el('td', { class: 'value' }, fill, name), ...row.cells.map((item) => cell(root, item)));
}

function draw(root) {
  const { data } = root;
  const old = root.querySelector('.wrap');
  const focused = root.getRootNode().activeElement?.getAttribute?.('aria-label');
  const head = el('tr', {}, ...data.columns.map(({ text, title }, index) => el('th', { scope: 'col', class: index ? 'right' : '', title, text: text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text })));
  const wrap = el('div', { class: 'wrap' }, el('table', { 'aria-label': data.label }, el('thead', {}, head), el('tbody', {}, ...data.rows.map((row) => line(root, row, data.flags)))));
  root.replaceChildren(wrap);
  wrap.scrollTop = old?.scrollTop ?? 0;
  if (focused) [...root.querySelectorAll('button')].find((button) => button.getAttribute('aria-label') === focused)?.focus();
}

export default (component) => renew(component, draw);
