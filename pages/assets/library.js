// Templates and saved funnels: links, and for saved ones a way to rename and to delete, each asked twice.

function entry(root, item) {
  const link = el('a', { href: item.href, target: '_self', class: item.shown ? 'name on' : 'name', 'aria-current': item.shown ? 'true' : null, text: item.name });
  if (!item.id) return el('li', {}, link);
  if (root.editing === item.id) return rename(root, item);
  const sure = root.deleting === item.id;
  const remove = sure
    ? el('button', { type: 'button', class: 'button sure', text: 'Delete it', on: { click: () => { root.deleting = null; root.act({ do: 'delete', id: item.id }); } } })
    : iconButton('trash', `Delete ${item.name}`, () => { root.deleting = item.id; draw(root); });
  const keep = sure ? el('button', { type: 'button', class: 'button', text: 'Keep', on: { click: () => { root.deleting = null; draw(root); } } }) : null;
  const edit = sure ? null : el('button', { type: 'button', class: 'button quiet', 'aria-label': `Rename ${item.name}`, text: 'Rename', on: { click: () => { root.editing = item.id; draw(root); root.querySelector('input').select(); } } });
  return el('li', {}, link, edit, keep, remove);
}

function rename(root, item) {
  const input = el('input', { type: 'text', 'aria-label': 'New name', maxlength: 100 });
  input.value = item.name;
  const end = (name) => { root.editing = null; if (name && name !== item.name) root.act({ do: 'rename', id: item.id, name }); draw(root); };
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') end(input.value.trim());
    if (event.key === 'Escape') { event.stopPropagation(); end(''); }
  });
  return el('li', {}, input, el('button', { type: 'button', class: 'button', text: 'Rename', on: { click: () => end(input.value.trim()) } }));
}

function draw(root) {
  const { saved, templates } = root.data;
  const list = (title, items, empty) => [el('h4', { text: title }), items.length ? el('ul', { 'aria-label': title }, ...items.map((item) => entry(root, item))) : el('p', { class: 'muted', text: empty })];
  root.replaceChildren(...list('Saved', saved, 'None yet. Save this one below.'), ...list('Templates', templates, ''));
}

export default (component) => renew(component, draw);
