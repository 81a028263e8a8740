// The filter bar: active filters as chips, and a combobox that takes typing or picking.

function optionNode(root, item, index) {
  const node = el('div', { class: 'option', role: 'option', id: `option-${index}`, 'aria-selected': String(index === root.at) },
    item.field === 'event' && item.op === 'is' ? dot(item.value) : null,
    el('span', { class: 'text' }, el('span', { class: 'muted', text: `${item.label} ${WORDS[item.op]} ` }), item.field === 'country' ? flag(countryCode(item.value)) : null, el('b', { text: item.value })),
    item.count === undefined ? null : el('span', { class: 'count', text: number(item.count) }));
  node.addEventListener('pointerdown', (event) => { event.preventDefault(); choose(root, item); });
  node.addEventListener('pointermove', () => { if (root.at !== index) { root.at = index; highlight(root); } });
  return node;
}

function highlight(root) {
  root.menu.querySelectorAll('.option').forEach((node, index) => {
    node.setAttribute('aria-selected', String(index === root.at));
    if (index === root.at) {
      node.scrollIntoView({ block: 'nearest' });
      root.input.setAttribute('aria-activedescendant', node.id);
    }
  });
}

function choose(root, item) {
  clearTimeout(root.pause);
  root.input.value = '';
  hide(root);
  root.act({ do: 'filter', field: item.field, op: item.op, value: item.value });
}

function hide(root) {
  root.menu.hidden = true;
  root.input.setAttribute('aria-expanded', 'false');
}

function unfold(root) {
  const { found, scope, typed } = options(root.data, root.input.value);
  // An outright statement comes first, then what exists in this view, then guesses at what is meant.
  const said = typed.length === 1 ? typed : [];
  const guesses = typed.length === 1 ? [] : typed;
  root.items = [...said, ...found, ...guesses];
  root.at = root.input.value.trim() && root.items.length ? 0 : -1;
  const nodes = root.items.map((item, index) => optionNode(root, item, index));
  const parts = [...nodes.slice(0, said.length)];
  if (found.length) parts.push(el('h4', { text: scope }), ...nodes.slice(said.length, said.length + found.length));
  if (guesses.length) parts.push(el('h4', { text: 'Search' }), ...nodes.slice(said.length + found.length));
  if (!nodes.length) parts.push(el('div', { class: 'none', text: 'Type a value, or “country: France”, “path contains /news”.' }));
  root.menu.replaceChildren(...parts);
  root.menu.hidden = false;
  root.input.setAttribute('aria-expanded', 'true');
  highlight(root);
}

// More suggestions came while the list is open: keep what is highlighted.
function refresh(root) {
  const chosen = JSON.stringify(root.items[root.at] ?? null);
  unfold(root);
  const at = root.items.findIndex((item) => JSON.stringify(item) === chosen);
  if (at >= 0) root.at = at;
  highlight(root);
}

function inputKeys(root, event) {
  if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    event.preventDefault();
    if (root.menu.hidden) unfold(root);
    root.at = Math.min(root.items.length - 1, Math.max(0, root.at + (event.key === 'ArrowDown' ? 1 : -1)));
    highlight(root);
  } else if (event.key === 'Enter') {
    event.preventDefault();
    if (!root.menu.hidden && root.items[root.at]) choose(root, root.items[root.at]);
  } else if (event.key === 'Escape') {
    event.stopPropagation();
    if (root.menu.hidden) root.input.blur();
    hide(root);
  } else if (event.key === 'Backspace' && !root.input.value && root.data.chips.length) {
    root.act({ do: 'remove', index: root.data.chips.length - 1 });
  }
}

function create(root) {
  root.input = el('input', { type: 'text', role: 'combobox', 'aria-label': 'Add a filter', 'aria-expanded': 'false', 'aria-controls': 'options', 'aria-autocomplete': 'list', autocomplete: 'off', spellcheck: 'false' });
  root.menu = el('div', { class: 'menu', role: 'listbox', id: 'options', 'aria-label': 'Suggestions' });
  root.menu.hidden = true;
  root.chips = el('div', { class: 'chips', role: 'list', 'aria-label': 'Active filters' });
  root.input.addEventListener('input', () => {
    unfold(root);
    clearTimeout(root.pause);
    const text = root.input.value.trim();
    if (text.length > 1) root.pause = setTimeout(() => { if (!root.menu.hidden) root.act({ do: 'suggest', text }); }, 220);
  });
  root.input.addEventListener('focus', () => unfold(root));
  root.input.addEventListener('click', () => { if (root.menu.hidden) unfold(root); });
  root.input.addEventListener('blur', () => hide(root));
  root.input.addEventListener('keydown', (event) => inputKeys(root, event));
  root.replaceChildren(el('div', { class: 'bar' }, icon('search'), root.chips, root.input, el('kbd', { text: '/', title: 'Press / to filter' }), root.menu));
}

function drawChips(root) {
  const key = JSON.stringify(root.data.chips);
  if (root.chipsKey === key) return;
  root.chipsKey = key;
  root.chips.replaceChildren(...root.data.chips.map((label, index) => el('span', { class: 'chip', role: 'listitem', title: label }, el('span', { text: label }),
    el('button', { type: 'button', 'aria-label': `Remove filter: ${label}`, on: { click: () => root.act({ do: 'remove', index }) } }, icon('close')))));
  root.chips.scrollLeft = root.chips.scrollWidth;
  root.input.placeholder = root.data.chips.length ? 'Add filter' : 'Filter events: a name, a path, country: France …';
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector('.root');
  root.data = data;
  root.act = (action) => setTriggerValue('action', action);
  if (!root.input) create(root);
  drawChips(root);
  if (!root.menu.hidden && data.typed && data.typed === root.input.value.trim()) refresh(root);
  const slash = (event) => {
    if (event.key !== '/' || typing(event) || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    root.input.focus();
  };
  document.addEventListener('keydown', slash);
  return () => document.removeEventListener('keydown', slash);
}
