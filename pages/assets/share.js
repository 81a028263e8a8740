// Copy link and Export. The files come from a route of their own, so a download is a plain link.

function menu(data) {
  const links = data.formats.map((format) => el('a', { href: format.href, download: format.file, role: 'menuitem', target: '_self' },
    el('b', { text: format.label }), el('small', { text: format.note })));
  const node = el('div', { class: 'menu', role: 'menu', 'aria-label': 'Export' }, el('p', { text: data.promise }), ...links);
  node.hidden = true;
  return node;
}

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector('.root');
  const key = JSON.stringify(data);
  if (root.key !== key) {
    root.key = key;
    const list = menu(data);
    const button = el('button', { class: 'button primary', type: 'button', 'aria-haspopup': 'menu', 'aria-expanded': 'false', 'aria-label': `Export ${data.rows}`, title: data.promise },
      icon('download'), 'Export', el('span', { class: 'rows', text: data.rows }));
    const link = el('button', { class: 'button link', type: 'button', 'aria-label': 'Copy link', title: 'Copy a link to exactly this view' }, icon('link'));
    const open = (yes) => { list.hidden = !yes; button.setAttribute('aria-expanded', String(yes)); };
    button.addEventListener('click', () => open(list.hidden));
    list.addEventListener('click', () => open(false));
    root.close = (event) => { if (!event.composedPath().includes(root)) open(false); };
    root.escape = (event) => {
      if (event.key !== 'Escape' || list.hidden) return;
      event.stopImmediatePropagation();  // this Escape closes the menu, not the open event
      open(false);
      button.focus();
    };
    link.addEventListener('click', async () => {
      await toClipboard(`${location.origin}${location.pathname}?${data.link}`);
      link.classList.add('done');
      link.replaceChildren(icon('done'));
      link.setAttribute('aria-label', 'Copied link');
      setTimeout(() => { link.classList.remove('done'); link.replaceChildren(icon('link')); link.setAttribute('aria-label', 'Copy link'); }, 1400);
    });
    root.replaceChildren(el('div', { class: 'share' }, link, button, list));
  }
  document.addEventListener('pointerdown', root.close);
  document.addEventListener('keydown', root.escape, true);
  return () => {
    document.removeEventListener('pointerdown', root.close);
    document.removeEventListener('keydown', root.escape, true);
  };
}
