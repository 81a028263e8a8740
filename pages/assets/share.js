// Copy link and Export. The files come from routes of their own: what streams is a plain link; what must be written
// whole before it can be sent is asked for, watched, and then downloads by itself.

const LOOK_EVERY = 400;  // milliseconds
const SHOWN_AFTER = 4000;

function menu(data, prepare) {
  const links = data.formats.map((format) => {
    const link = el('a', { href: format.href, download: format.file, role: 'menuitem', target: '_self' }, el('b', { text: format.label }), el('small', { text: format.note }));
    // With Ctrl or from the context menu it stays the plain link that it is.
    if (format.prepare) link.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      prepare(format);
    });
    return link;
  });
  const node = el('div', { class: 'menu', role: 'menu', 'aria-label': 'Export' }, el('p', { text: data.promise }), ...links);
  node.hidden = true;
  return node;
}

// A file in the making: a box with how far it is and a way to stop it. `root.job` is the one shown.
function prepareIn(root) {
  return async (format) => {
    root.job?.stop();
    const said = el('span', { class: 'said num', text: 'Starting…' });
    const bar = el('progress', { 'aria-label': `Preparing ${format.name}` });
    const button = el('button', { class: 'button', type: 'button', text: 'Cancel', on: { click: () => job.stop() } });
    const title = el('b', { text: `Preparing ${format.name}` });
    const box = el('div', { class: 'menu making', role: 'status', 'aria-label': 'File being prepared' }, title, bar, el('div', { class: 'line' }, said, button));
    const job = { box, over: false };
    const drop = () => { if (job.id) fetch(`export/prepared/${job.id}`, { method: 'DELETE', keepalive: true }); };
    job.stop = () => { if (!job.over) drop(); job.end(); box.remove(); if (root.job === job) root.job = null; };
    job.end = () => { job.over = true; window.removeEventListener('pagehide', drop); };
    const tell = (heading, text) => {
      job.end();
      title.textContent = heading;
      said.textContent = text;
      bar.remove();
      button.textContent = 'Close';
    };
    root.job = job;
    root.querySelector('.share').append(box);
    window.addEventListener('pagehide', drop);
    try {
      await make(format, job, root, bar, said);
      if (job.over) return;
      tell('File ready', 'The download has begun.');
      setTimeout(() => job.stop(), SHOWN_AFTER);
    } catch (error) {
      if (!job.over) tell(`${format.name} was not made`, error.message);
    }
  };
}

async function make(format, job, root, bar, said) {
  const answer = async (request) => {
    const response = await request.catch(() => { throw new Error('The dashboard does not answer. Try again when it runs.'); });
    if (!response.ok) throw new Error((await response.text()).trim());
    return response.json();
  };
  job.id = (await answer(fetch(format.prepare, { method: 'POST' }))).id;
  const address = `export/prepared/${job.id}`;
  if (job.over) fetch(address, { method: 'DELETE' });
  while (!job.over) {
    const state = await answer(fetch(address));
    if (state.problem) throw new Error(state.problem);
    if (!root.isConnected) { job.stop(); return; }
    bar.max = Math.max(1, state.total);
    bar.value = state.rows;
    said.textContent = state.rows < state.total ? `${number(state.rows)} of ${number(state.total)} rows` : 'Finishing the file…';
    if (state.ready) {
      const link = el('a', { href: `${address}/file`, download: format.file, target: '_self' });
      root.append(link);
      link.click();
      link.remove();
      return;
    }
    await new Promise((resolve) => { setTimeout(resolve, LOOK_EVERY); });
  }
}

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector('.root');
  const key = JSON.stringify(data);
  if (root.key !== key) {
    root.key = key;
    const list = menu(data, prepareIn(root));
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
    root.replaceChildren(el('div', { class: 'share' }, link, button, list, root.job?.box));
  }
  document.addEventListener('pointerdown', root.close);
  document.addEventListener('keydown', root.escape, true);
  return () => {
    document.removeEventListener('pointerdown', root.close);
    document.removeEventListener('keydown', root.escape, true);
  };
}
