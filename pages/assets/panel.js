// The panel beside the list, always there: the inspector when an event is open, else the view at a glance.
// A click in the list opens it here at once; what the server adds (neighbours, raw line) follows.

const GLANCE = 'At a glance';

function paint(root, key, nodes, heading) {
  if (root.key === key) return;
  const same = root.heading === heading;
  const old = root.querySelector('.panel');
  const scroll = same && old ? old.scrollTop : 0;
  root.key = key;
  root.heading = heading;
  const panel = el('section', { class: 'panel', 'aria-label': heading, 'aria-live': 'polite' }, ...nodes());
  panel.style.cssText = `height:${root.data.height}`;
  root.replaceChildren(panel);
  panel.scrollTop = scroll;
}

function show(root) {
  const data = root.data;
  const record = root.wanted ? root.wanted.record : data.event;
  if (record) {
    const settled = data.event?.event_id === record.event_id;
    const full = settled ? data.event : record;
    const key = JSON.stringify([full, settled ? data.edge : null, settled ? data.raw : null, data.schema]);
    paint(root, key, () => inspector(data, full), full.event);
  } else if (data.missing) {
    const nodes = () => [el('div', { class: 'head' }, el('h2', { text: 'Event not found' })), el('div', { class: 'notice' }, icon('warning'), el('span', { text: data.missing })),
      el('div', { class: 'go' }, el('button', { class: 'button', type: 'button', on: { click: () => data.close() } }, 'Back to the view'))];
    paint(root, data.missing, nodes, 'Event not found');
  } else {
    paint(root, JSON.stringify(data.glance), () => glance(data), GLANCE);
  }
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector('.root');
  // The glance outlives an opened event, so that closing it shows the summary without waiting.
  const kept = data.view === root.data?.view ? root.data?.glance : null;
  root.data = {
    ...data,
    glance: data.glance ?? kept ?? null,
    act: (action) => setTriggerValue('action', action),
    close: () => {
      document.dispatchEvent(new CustomEvent('activity:close'));
      setTriggerValue('action', { do: 'close' });
    },
  };
  if (root.wanted && (data.event?.event_id ?? null) === root.wanted.id) root.wanted = null;
  unpressed(root, () => show(root));
  // What the reader did counts until the server has caught up with it, or went elsewhere: by Back, or otherwise.
  const want = (record) => {
    root.wanted = { id: record?.event_id ?? null, record };
    clearTimeout(root.patience);
    root.patience = setTimeout(settled, PATIENCE);
    show(root);
  };
  const settled = () => { root.wanted = null; show(root); };
  const opened = (event) => want(event.detail);
  const closed = () => want(null);
  const keys = (event) => {
    if (event.key === 'Escape' && !typing(event) && !event.defaultPrevented && root.heading !== GLANCE) root.data.close();
  };
  window.addEventListener('popstate', settled);
  document.addEventListener('activity:open', opened);
  document.addEventListener('activity:close', closed);
  document.addEventListener('keydown', keys);
  return () => {
    window.removeEventListener('popstate', settled);
    document.removeEventListener('activity:open', opened);
    document.removeEventListener('activity:close', closed);
    document.removeEventListener('keydown', keys);
  };
}
