// Figures side by side; an item that is a text stands between two tiles as a sign (=, +).

function draw(root) {
  const { data } = root;
  const tile = (item) => typeof item === 'string'
    ? el('span', { class: 'sign', text: item })
    : el('div', { class: `tile ${item.tone ?? ''}` }, el('div', { class: 'label', text: item.label }),
      el('div', { class: `value${item.small ? ' small' : ''}`, text: item.value }), item.note ? el('div', { class: 'note', text: item.note }) : null);
  root.replaceChildren(el('div', { class: data.dense ? 'tiles dense' : 'tiles', role: 'group', 'aria-label': data.label }, ...data.items.map(tile)));
}

export default (component) => renew(component, draw);
