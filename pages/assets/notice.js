// A message with what one can do about it. Its words may hold a reader's or an event's text, so it is no Markdown.

function draw(root) {
  const { data } = root;
  const way = (item) => {
    const inner = [item.label, item.count ? el('span', { class: 'count', text: item.count }) : null].filter(Boolean);
    return item.href !== undefined
      ? el('a', { class: 'button', href: item.href, target: '_self' }, ...inner)
      : el('button', { class: 'button', type: 'button', on: { click: () => root.act(item.action) } }, ...inner);
  };
  const body = el('div', {}, data.title ? el('h2', { text: data.title }) : null, el('p', { text: data.text }),
    data.ways.length ? el('div', { class: 'ways' }, ...data.ways.map(way)) : null);
  const name = { error: 'warning', late: 'warning', empty: 'search' }[data.tone];
  root.replaceChildren(el('div', { class: `notice ${data.tone}${data.big ? ' big' : ''}`, role: data.tone === 'error' ? 'alert' : 'status' }, icon(name), body));
}

export default (component) => renew(component, draw);
