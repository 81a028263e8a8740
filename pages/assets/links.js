// Links that look like buttons: plain anchors, so that they open, copy and download as links do. One with `copy`
// instead copies the address of this page with that query.

const NEAR = 260;  // pixels from the window's lower edge

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

function draw(root) {
  const { data } = root;
  const revealed = root.reveal;
  root.reveal = data.reveal;
  root.replaceChildren(el('div', { class: 'links' }, ...data.links.map((link) => (link.copy === undefined ? anchor(link) : copier(link)))));
  // What a click has opened far below would else go unseen.
  const top = root.getBoundingClientRect().top;
  if (data.reveal && data.reveal !== revealed && top > window.innerHeight - NEAR) {
    // The page's own scroller alone: scrollIntoView would also move the frame around it.
    document.querySelector('[data-testid=stMain]')?.scrollBy({ top: top - window.innerHeight / 2, behavior: 'smooth' });
  }
}

export default (component) => renew(component, draw);
