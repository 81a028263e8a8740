// One event, opened. The sections and their fields come from the declaration of an event (`data.schema`).

// What a row of the list was not read with; the server adds it a moment later.
const lacks = (record, name) => record.missing.includes(name);

function valueTools(act, field, label, value) {
  const filter = (op, name, text) => iconButton(name, text, (event) => { event.stopPropagation(); act({ do: 'filter', ...field, op, value }); });
  const tools = el('span', { class: 'tools' }, copyButton(label, String(value)));
  if (field.filterable) tools.append(filter('is', 'filter', `Filter by this ${label}`), filter('is_not', 'exclude', `Exclude this ${label}`));
  return tools;
}

function shownValue(record, field) {
  const value = record[field.name];
  if (lacks(record, field.name)) return el('span', { class: 'v' }, el('span', { class: 'bone line' }));
  if (field.name === 'customer_id' && !value) return el('span', { class: 'v muted', text: 'Anonymous' });
  if (value === null || value === undefined || value === '') return el('span', { class: 'v muted', text: '—' });
  const text = String(value);
  const cls = `v${field.mono ? ' mono' : ''}${text.length > 160 ? ' long' : ''}`;
  if (field.link && isWeb(text)) {
    return el('span', { class: cls }, el('a', { href: text, target: '_blank', rel: 'noopener noreferrer', text }));
  }
  return el('span', { class: cls }, field.name === 'country' ? flag(record.country_code) : null, ...(field.name === 'email' ? atSign(text) : [text]));
}

function fieldRow(act, record, field) {
  const value = record[field.name];
  const empty = value === null || value === undefined || value === '';
  if (empty && (field.optional || (field.customers && !lacks(record, field.name) && !record.customer_id))) return null;
  const row = el('div', { class: `row${field.pinned && !empty ? ' pinned' : ''}` }, el('span', { class: 'k', text: field.label }), shownValue(record, field));
  if (!empty) row.append(valueTools(act, { field: field.name, filterable: field.filterable }, field.label, value));
  return row;
}

function leafValue(value) {
  if (typeof value === 'string') return el('span', { class: 'text', text: JSON.stringify(value) });
  return el('span', { class: typeof value === 'number' ? 'figure' : 'word', text: String(value) });
}

function tree(act, key, value, depth, top) {
  const label = key === null ? null : el('span', { class: 'key', text: typeof key === 'number' ? `${key}: ` : `${JSON.stringify(key)}: ` });
  if (value !== null && typeof value === 'object') {
    const entries = Array.isArray(value) ? value.map((item, index) => [index, item]) : Object.entries(value);
    const size = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
    const details = el('details', { open: depth < 2 }, el('summary', {}, label, el('span', { class: 'muted', text: size })));
    details.append(...entries.map(([name, item]) => tree(act, name, item, depth + 1, depth === 0)));
    return details;
  }
  const leaf = el('div', { class: 'leaf' }, label, leafValue(value));
  if (top && value !== null) {
    leaf.append(valueTools(act, { field: 'properties', key, filterable: true }, String(key), typeof value === 'string' ? value : JSON.stringify(value)));
  }
  return leaf;
}

function metadata(act, record) {
  if (record.properties === null || record.properties === undefined) {
    return el('div', { class: 'notice muted', text: record.cut || lacks(record, 'properties') ? 'Loading…' : 'This event carried nothing else.' });
  }
  let parsed;
  try { parsed = JSON.parse(record.properties); } catch { return el('pre', { text: record.properties }); }
  return el('div', { class: 'json' }, tree(act, null, parsed, 0, false));
}

function goButtons(data, record) {
  const out = el('div', { class: 'go' });
  // As "person" in docs/semantics.md has it, but for links, which the server knows.
  const who = record.person ?? (record.customer_id ? `c:${record.customer_id}` : `a:${record.anonymous_id}`);
  const profile = record.customer_id ? `?customer=${encodeURIComponent(record.customer_id)}` : `?person=${encodeURIComponent(who)}`;
  out.append(el('a', { class: 'button', href: `${data.profile}${profile}`, target: '_self' }, icon('person'), 'Profile'));
  out.append(el('button', { class: 'button', type: 'button', on: { click: () => data.act({ do: 'person', value: who }) } }, icon('pulse'), 'All activity'));
  if (data.crm && record.customer_id) {
    const href = data.crm.replaceAll('{customer_id}', encodeURIComponent(record.customer_id));
    if (isWeb(href)) out.append(el('a', { class: 'button', href, target: '_blank', rel: 'noopener noreferrer' }, icon('out'), 'CRM'));
  }
  return out;
}

function rawView(data, record) {
  const raw = data.raw && data.raw.id === record.event_id ? data.raw : null;
  const box = el('details', { class: 'more', open: Boolean(raw) }, el('summary', { text: 'Raw: the line as received' }));
  box.addEventListener('toggle', () => {
    if (box.open && !(data.raw && data.raw.id === record.event_id)) data.act({ do: 'raw', id: record.event_id });
  });
  if (!raw) box.append(el('p', { class: 'muted', text: 'Reading the line again from its object…' }));
  else if (raw.text === null) box.append(el('p', { class: 'muted', text: raw.note }));
  else {
    const from = `${record.object_key} · line ${number(record.line)}`;
    box.append(el('div', { class: 'row' }, el('span', { class: 'k', text: 'From' }), el('span', { class: 'v mono', text: from }), el('span', { class: 'tools' }, copyButton('line', raw.text))), el('pre', { text: raw.text }));
  }
  return box;
}

function neighbourSteps(data, record) {
  const edge = data.edge && data.edge.id === record.event_id ? data.edge.to : null;
  const step = (to, name, label) => el('button', { class: 'button', type: 'button', disabled: edge === to, title: `The ${to} event of this person`, on: { click: () => data.act({ do: 'step', to }) } },
    name === 'left' ? icon(name) : null, edge === to ? `No ${to} event` : label, name === 'right' ? icon(name) : null);
  return el('div', { class: 'steps', role: 'group', 'aria-label': 'This person’s events' },
    step('previous', 'left', 'Previous'), step('next', 'right', 'Next'));
}

function modalPill(data, record) {
  if (!record.modal) return null;
  const filter = () => data.act({ do: 'filter', field: 'modal', op: 'is', value: record.modal });
  return el('button', { class: 'pill', type: 'button', title: `Filter by the modal ${record.modal}`, text: record.modal, on: { click: filter } });
}

function inspector(data, record) {
  const close = el('button', { class: 'close', type: 'button', 'aria-label': 'Close event', on: { click: () => data.close() } }, icon('close'), 'Close ', el('kbd', { text: 'Esc' }));
  const nodes = [
    el('div', { class: 'head' }, dot(record.event), el('h2', { text: record.event }), modalPill(data, record), valueTools(data.act, { field: 'event', filterable: true }, 'event', record.event), close),
    el('div', { class: 'when num', text: record.time_long, title: record.occurred_at }),
    goButtons(data, record),
  ];
  for (const section of data.schema) {
    const rows = section.fields.map((field) => fieldRow(data.act, record, field)).filter(Boolean);
    if (section.folded) {
      nodes.push(el('details', { class: 'more' }, el('summary', { text: section.title }), ...rows));
      continue;
    }
    nodes.push(el('h3', { text: section.title }), ...rows);
  }
  const at = nodes.findIndex((node) => node.tagName === 'DETAILS');
  nodes.splice(at < 0 ? nodes.length : at, 0, el('h3', { text: 'Metadata' }), metadata(data.act, record), neighbourSteps(data, record));
  nodes.push(rawView(data, record));
  return nodes;
}
