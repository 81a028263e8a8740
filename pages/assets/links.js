// Links that look like buttons: plain anchors, so that they open, copy and download as links do. One with `copy`
// instead copies the address of this page with that query.

function copier(link) {
  const button = el('button', { type: 'button', class: 'button', 'aria-label': link.label, title: link.title }, icon('link'));
  button.addEventListener('click', async () => {
    await toClipboard(`${location.origin}${location.pathname}?${link.copy}`);
    button.replaceChildren(icon('done'));
    button.setAttribute('aria-label', 'Copied link');
    setTimeout(() => { button.replaceChildren(icon('link')); button.setAttribute('aria-label', link.label); }, 1400);
  });
  return button;
}

function anchor(link) {
  return el('a', { class: 'button', href: link.href, download: link.file, title: link.title, target: '_self' }, link.icon ? icon(link.icon) : null, link.label);
}

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector('.root');
  const key = JSON.stringify(data);
  if (root.key === key) return;
  root.key = key;
  root.replaceChildren(el('div', { class: 'links' }, ...data.links.map((link) => (link.copy === undefined ? anchor(link) : copier(link)))));
}
