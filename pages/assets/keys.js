// The write keys: one of them in hand, with its text and what it may do. Names and origins are anybody's words.

function moreOf(item, data) {
  const lines = [];
  if (data.told_once) lines.push(el('div', { class: 'once', role: 'alert' }, icon('warning'), el('span', { text: 'Copy this key now: it is a secret and shown this once. Only its fingerprint is kept, so nobody can look it up later.' })));
  if (data.text) lines.push(el('div', { class: 'text' }, el('code', { text: data.text }), copyButton('the key', data.text)));
  else lines.push(el('div', { class: 'facts', text: 'A server key is shown once, when it is made. Lost it? Revoke this one and make another.' }));
  const who = item.kind === 'server' ? 'For servers: may say whose address and browser an event is from.'
    : item.origins.length ? `From pages of ${item.origins.join(', ')} only.` : 'From any page; it can send events, and nothing else.';
  lines.push(el('div', { class: 'facts' }, 'Source ', el('span', { class: 'mono', text: item.source }), ` · ${who}`));
  return el('div', { class: 'more' }, ...lines);
}

function row(item, data, act) {
  const may = data.may;
  const on = item.id === data.selected;
  const pick = el('button', { class: 'pick', type: 'button', role: 'radio', 'aria-checked': String(on) }, el('span', { class: 'mark' }), el('span', { class: 'name', text: item.name }),
    el('span', { class: 'badge', text: item.kind === 'server' ? 'Server' : 'Web' }));
  const revoke = iconButton('trash', `Revoke ${item.name}`, (event) => { event.stopPropagation(); act({ do: 'revoke', id: item.id, at: Date.now() }); });
  const said = el('span', { class: `said num ${item.state}` }, el('i'), item.said);
  return el('div', { class: on ? 'key on' : 'key', on: on ? {} : { click: () => act({ do: 'pick', id: item.id }) } }, pick, said, may ? revoke : null, on ? moreOf(item, data) : null);
}

function draw(root) {
  const { data, act } = root;
  const focused = root.getRootNode().activeElement?.className;
  const add = data.making || !data.may ? null : el('button', { class: 'add', type: 'button', on: { click: () => act({ do: 'new' }) } }, el('b', { text: '+', 'aria-hidden': 'true' }), 'New key');
  root.replaceChildren(el('div', { class: 'keys', role: 'radiogroup', 'aria-label': 'Write keys' }, ...data.keys.map((item) => row(item, data, act)), add));
  if (focused === 'pick') root.querySelector('.on .pick')?.focus();
}

export default (component) => renew(component, draw);
