// A plain table of texts and numbers. A column's `kind` is text, right, nowrap, mono, raw, name, time, email,
// link (cells `{text, href}`) or country (cells `{text, code}`).

function cell(column, value) {
  const text = value === null || value === undefined || value === '' ? '–' : value;
  if (column.kind === 'raw') return el('td', {}, el('div', { class: 'raw', text }));
  if (column.kind === 'email') return el('td', { class: 'email' }, ...atSign(text));
  if (column.kind === 'link' && value?.href) return el('td', { class: 'link' }, el('a', { href: value.href, target: '_self', class: 'mono', text: value.text }));
  if (column.kind === 'country') return el('td', { class: 'nowrap' }, flag(value.code), value.text ?? '–');
  return el('td', { class: column.kind, text: value?.text ?? text });
}

function draw(root) {
  const { data } = root;
  if (!data.rows.length) {
    root.replaceChildren(el('div', { class: 'wrap' }, el('div', { class: 'empty', text: data.empty })));
    return;
  }
  const head = el('tr', {}, ...data.columns.map((column) => el('th', { scope: 'col', class: column.kind === 'right' ? 'right' : '', text: column.label })));
  const rows = data.rows.map((row) => el('tr', {}, ...row.map((value, index) => cell(data.columns[index], value))));
  const wrap = el('div', { class: 'wrap' }, el('table', { 'aria-label': data.label }, el('thead', {}, head), el('tbody', {}, ...rows)));
  if (data.height) wrap.style.maxHeight = data.height;
  root.replaceChildren(wrap);
}

export default (component) => renew(component, draw);
