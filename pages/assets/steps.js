// A funnel's steps and exclusions as cards. Whatever is typed stays in the browser until it is chosen, and survives
// a redraw: measuring may take seconds and must not get in the way of typing.

const ANY = 'Any event';
const ARROWS = { up: ['M12 19V5', 'M6 11l6-6l6 6'], lower: ['M12 5v14', 'M6 13l6 6l6-6'] };
const SHOWN = 60;
const PAUSE = 200;  // milliseconds

function arrow(way, label, enabled, handler) {
  const button = el('button', { type: 'button', class: 'tool', title: label, 'aria-label': label, disabled: !enabled, on: { click: handler } },
    svg('svg', { viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true' }, ...ARROWS[way].map((d) => svg('path', { d }))));
  return button;
}

// An input with a list below. `propose(text)` gives items {nodes, count, take}; `leave` is called when nothing was chosen.
function combobox(root, { id, label, value, placeholder, propose, leave }) {
  const input = el('input', { type: 'text', 'data-id': id, role: 'combobox', 'aria-label': label, 'aria-expanded': 'false', 'aria-autocomplete': 'list', 'aria-controls': `list-${id}`, autocomplete: 'off', spellcheck: 'false', placeholder });
  input.value = value;
  const menu = el('div', { class: 'menu', role: 'listbox', id: `list-${id}`, 'aria-label': label });
  menu.hidden = true;
  let items = [];
  let at = -1;
  const mark = () => menu.querySelectorAll('.option').forEach((node, index) => {
    node.setAttribute('aria-selected', String(index === at));
    if (index === at) { node.scrollIntoView({ block: 'nearest' }); input.setAttribute('aria-activedescendant', node.id); }
  });
  const hide = () => { menu.hidden = true; input.setAttribute('aria-expanded', 'false'); };
  const take = (item) => { input.typed = false; hide(); item.take(); };
  const unfold = () => {
    items = propose(input.typed ? input.value.trim() : '');
    at = input.typed && items.length ? 0 : -1;
    menu.replaceChildren(...(items.length ? items.map((item, index) => {
      const node = el('div', { class: 'option', role: 'option', id: `${id}-${index}`, 'aria-selected': 'false' }, ...item.nodes, item.count === undefined ? null : el('span', { class: 'count', text: number(item.count) }));
      node.addEventListener('pointerdown', (event) => { event.preventDefault(); take(item); });
      node.addEventListener('pointermove', () => { if (at !== index) { at = index; mark(); } });
      return node;
    }) : [el('div', { class: 'none', text: 'Type a name or a value.' })]));
    menu.hidden = false;
    input.setAttribute('aria-expanded', 'true');
    mark();
  };
  input.addEventListener('input', () => { input.typed = true; unfold(); });
  input.addEventListener('focus', () => { if (!input.typed) input.select(); unfold(); });
  input.addEventListener('click', () => { if (menu.hidden) unfold(); });
  input.addEventListener('blur', () => {
    hide();
    if (input.gone) return;
    input.value = value;
    input.typed = false;
    // Later, lest what was clicked is replaced before its click.
    if (leave) setTimeout(() => { if (input.isConnected) leave(); }, PAUSE);
  });
  input.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (menu.hidden) unfold();
      at = Math.min(items.length - 1, Math.max(0, at + (event.key === 'ArrowDown' ? 1 : -1)));
      mark();
    } else if (event.key === 'Enter') {
      event.preventDefault();
      if (!menu.hidden && items[at]) take(items[at]);
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      input.blur();
    }
  });
  return el('div', { class: 'combo' }, input, menu);
}

// Event names that hold the typed text, most frequent first; the text itself where no event is called so.
function named(root, choose, any) {
  return (text) => {
    const lower = text.toLowerCase();
    const item = (event, count) => ({ nodes: [dot(event), el('span', { class: 'text', text: event })], count, take: () => choose(event) });
    const found = root.data.events.filter((each) => each.value.toLowerCase().includes(lower)).slice(0, SHOWN).map((each) => item(each.value, each.count));
    const whole = any && ANY.toLowerCase().includes(lower) ? [{ nodes: [el('span', { class: 'text muted', text: ANY })], take: () => choose(null) }] : [];
    const own = text && !root.data.events.some((each) => each.value === text)
      ? [{ nodes: [el('span', { class: 'text' }, el('span', { class: 'muted', text: 'Use ' }), el('b', { text }))], take: () => choose(text) }] : [];
    return [...found, ...whole, ...own];
  };
}

function conditions(root, choose) {
  return (text) => {
    const { found, typed } = options({ ...root.data, typed: '', found: [] }, text);
    const items = typed.length === 1 ? [...typed, ...found] : [...found, ...typed];
    return items.filter((item) => item.field !== 'event').map((item) => ({
      nodes: [el('span', { class: 'text' }, el('span', { class: 'muted', text: `${item.label} ${WORDS[item.op]} ` }), el('b', { text: item.value }))],
      count: item.count,
      take: () => choose(item),
    }));
  };
}

// The filters of a step or exclusion: chips, and a field for another once asked for.
function filters(root, of, at, texts) {
  const act = (action) => root.act({ of, at, ...action });
  const id = `${of}-${at}-filter`;
  const chip = (text, index) => el('span', { class: 'chip', role: 'listitem', title: text }, el('span', { text }),
    el('button', { type: 'button', 'aria-label': `Remove filter: ${text}`, on: { click: () => act({ do: 'unfilter', index }) } }, icon('close')));
  const close = () => { root.adding = null; };
  const add = root.adding === id
    ? combobox(root, { id, label: 'Filter this step', value: '', placeholder: 'path contains /news', leave: () => { close(); draw(root); },
      propose: conditions(root, (item) => { close(); act({ do: 'filter', field: item.field, op: item.op, value: String(item.value) }); }) })
    : el('button', { type: 'button', class: 'more', 'aria-label': `Filter ${of} ${at + 1}`, on: { click: () => { root.adding = id; draw(root); root.querySelector(`[data-id="${id}"]`).focus(); } } }, icon('filter'), texts.length ? 'and' : 'filter');
  return el('div', { class: 'filters', role: 'list' }, ...texts.map(chip), add);
}

function step(root, item, at) {
  const { data } = root;
  const act = (action) => root.act({ of: 'step', at, ...action });
  const many = data.steps.length;
  const tools = el('div', { class: 'tools' },
    arrow('up', `Move step ${at + 1} up`, at > 0, () => root.act({ do: 'move', at, to: at - 1 })),
    arrow('lower', `Move step ${at + 1} down`, at < many - 1, () => root.act({ do: 'move', at, to: at + 1 })),
    many > data.least ? iconButton('close', `Remove step ${at + 1}`, () => root.act({ do: 'remove', at })) : null);
  const choose = (event) => act({ do: 'event', event });
  const name = combobox(root, { id: `step-${at}`, label: `Event of step ${at + 1}`, value: item.event ?? ANY, placeholder: 'Pick an event', propose: named(root, choose, true) });
  return el('li', { class: 'card' }, el('span', { class: 'number', text: at + 1 }), el('div', { class: 'body' },
    el('div', { class: 'line' }, item.event ? dot(item.event) : null, name, tools), filters(root, 'step', at, item.filters)));
}

function place(label, value, choices, choose) {
  const select = el('select', { 'aria-label': label }, ...choices.map((number) => el('option', { value: number, text: `step ${number}`, selected: number === value })));
  select.addEventListener('change', () => choose(Number(select.value)));
  return select;
}

function exclusion(root, item, at) {
  const numbers = root.data.steps.map((_, index) => index + 1);
  const between = (after, before) => root.act({ do: 'between', at, after, before });
  const name = combobox(root, { id: `exclusion-${at}`, label: `Event of exclusion ${at + 1}`, value: item.event ?? ANY, placeholder: 'Pick an event',
    propose: named(root, (event) => root.act({ of: 'exclusion', at, do: 'event', event }), true) });
  return el('li', { class: 'card not' }, el('span', { class: 'number' }, icon('exclude')), el('div', { class: 'body' },
    el('div', { class: 'line' }, name, el('div', { class: 'tools' }, iconButton('close', `Remove exclusion ${at + 1}`, () => root.act({ do: 'include', at })))),
    el('div', { class: 'between' }, 'not between ', place('After step', item.after, numbers.filter((n) => n < item.before), (n) => between(n, item.before)),
      ' and ', place('Before step', item.before, numbers.filter((n) => n > item.after), (n) => between(item.after, n))),
    filters(root, 'exclusion', at, item.filters)));
}

// A button that becomes a field for an event's name.
function adder(root, id, label, choose, any) {
  if (root.adding !== id) return el('button', { type: 'button', class: 'add', on: { click: () => { root.adding = id; draw(root); root.querySelector(`[data-id="${id}"]`).focus(); } } }, el('b', { text: '+', 'aria-hidden': 'true' }), label);
  const done = (event) => { root.adding = null; choose(event); };
  const leave = () => { root.adding = null; draw(root); };
  return el('div', { class: 'adding' }, combobox(root, { id, label, value: '', placeholder: 'Pick or type an event', propose: named(root, done, any), leave }));
}

function draw(root) {
  const { data } = root;
  const active = root.getRootNode().activeElement;
  const kept = active?.dataset?.id && active.typed ? { id: active.dataset.id, value: active.value, from: active.selectionStart, to: active.selectionEnd } : null;
  if (active) active.gone = true;  // its blur is ours, not the reader's
  const more = data.steps.length < data.most ? adder(root, 'add', 'Add step', (event) => root.act({ do: 'add', event }), true) : null;
  const exclude = data.excludable ? adder(root, 'exclude', 'Exclude an event', (event) => root.act({ do: 'exclude', event }), false) : null;
  const parts = [
    el('ol', { class: 'cards', 'aria-label': 'Steps' }, ...data.steps.map((item, at) => step(root, item, at))), more,
    data.exclusions.length ? el('ul', { class: 'cards', 'aria-label': 'Exclusions' }, ...data.exclusions.map((item, at) => exclusion(root, item, at))) : null,
    exclude,
  ];
  root.replaceChildren(...parts.filter(Boolean));
  const input = kept && root.querySelector(`[data-id="${kept.id}"]`);
  if (!input) return;
  input.value = kept.value;
  input.typed = true;
  input.focus();
  input.setSelectionRange(kept.from, kept.to);
}

export default (component) => renew(component, draw);
