// Shared by every component: it is put in front of each component's own script (see pages/parts/component.py).
// Values from events reach the page only through `textContent` and `setAttribute`; nothing is ever parsed as HTML.

const SVG = 'http://www.w3.org/2000/svg';

const ICONS = {
  copy: ['M9 9h10a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-8a2 2 0 0 1-2-2z', 'M5 15V5a2 2 0 0 1 2-2h10'],
  done: ['M5 13l4 4L19 7'],
  filter: ['M3 5h18l-7 8v6l-4-2v-4z'],
  exclude: ['M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18z', 'M5.6 5.6l12.8 12.8'],
  close: ['M6 6l12 12', 'M18 6L6 18'],
  person: ['M12 12a4 4 0 1 0 0-8a4 4 0 0 0 0 8z', 'M4 21c0-4 3.6-6.5 8-6.5s8 2.5 8 6.5'],
  pulse: ['M3 12h4l3-8l4 16l3-8h4'],
  out: ['M14 4h6v6', 'M20 4l-9 9', 'M18 14v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V7a1 1 0 0 1 1-1h5'],
  left: ['M15 5l-7 7l7 7'],
  right: ['M9 5l7 7l-7 7'],
  down: ['M5 9l7 7l7-7'],
  search: ['M11 4a7 7 0 1 0 0 14a7 7 0 0 0 0-14z', 'M21 21l-5-5'],
  download: ['M12 4v11', 'M7 11l5 5l5-5', 'M4 20h16'],
  link: ['M10 14a4.5 4.5 0 0 0 6.4 0l3-3a4.5 4.5 0 0 0-6.4-6.4l-1.5 1.5', 'M14 10a4.5 4.5 0 0 0-6.4 0l-3 3a4.5 4.5 0 0 0 6.4 6.4l1.5-1.5'],
  code: ['M8 6l-6 6l6 6', 'M16 6l6 6l-6 6'],
  trash: ['M4 7h16', 'M9 7V4h6v3', 'M6.5 7l1 13h9l1-13'],
  warning: ['M12 4L2.5 20h19z', 'M12 10v5', 'M12 17.6v.2'],
};

// Does it now, or, while something in `root` is held down, once it is let go: what is replaced in between gets no click.
function unpressed(root, redraw) {
  if (root.held === undefined) {
    root.held = false;
    root.addEventListener('pointerdown', () => {
      root.held = true;
      const over = new AbortController();
      // The click comes after this event, in the same task.
      const letGo = () => setTimeout(() => { over.abort(); root.held = false; root.waiting?.(); root.waiting = null; });
      for (const name of ['pointerup', 'pointercancel']) window.addEventListener(name, letGo, { capture: true, signal: over.signal });
    });
  }
  root.waiting = null;
  if (root.held) root.waiting = redraw;
  else redraw();
}

// Calls `draw` with a component's root, which has its `data` and a way to `act` in Python, unless the same data is drawn.
function renew({ data, parentElement, setTriggerValue }, draw) {
  const root = parentElement.querySelector('.root');
  root.act = (action) => setTriggerValue('action', action);
  unpressed(root, () => {
    const key = JSON.stringify(data);
    if (root.key === key) return;
    root.key = key;
    root.data = data;
    draw(root);
  });
}

// One element: `text` becomes textContent, `on` event listeners, everything else attributes; null leaves one out.
function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'text') node.textContent = value;
    else if (name === 'on') for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function svg(tag, props = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function icon(name) {
  return svg('svg', { viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true' },
    ...ICONS[name].map((d) => svg('path', { d })));
}

function iconButton(name, label, handler, cls = '') {
  return el('button', { type: 'button', class: `tool ${cls}`, title: label, 'aria-label': label, on: { click: handler } }, icon(name));
}

async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without permission, or on a page that is no secure context: the old way.
    const area = el('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
}

function copyButton(label, text) {
  const button = iconButton('copy', `Copy ${label}`, async (event) => {
    event.stopPropagation();
    await toClipboard(text);
    button.replaceChildren(icon('done'));
    button.classList.add('done');
    button.setAttribute('aria-label', `Copied ${label}`);
    setTimeout(() => {
      button.replaceChildren(icon('copy'));
      button.classList.remove('done');
      button.setAttribute('aria-label', `Copy ${label}`);
    }, 1200);
  });
  return button;
}

const EVENT_COLOURS = {
  'Page Viewed': '#6366f1', 'Screen Viewed': '#818cf8', 'Modal Displayed': '#f59e0b', Registered: '#0ea5e9',
  Subscribed: '#10b981', Identified: '#94a3b8', 'Newsletter Subscribed': '#14b8a6', 'Logged In': '#8b5cf6',
  'Paywall Displayed': '#f97316', 'Article Viewed': '#3b82f6',
};
const OTHER_COLOURS = ['#ec4899', '#8b5cf6', '#14b8a6', '#f97316', '#06b6d4', '#84cc16', '#e11d48', '#a16207'];

// The same event name has the same colour everywhere and always.
function eventColour(name) {
  if (EVENT_COLOURS[name]) return EVENT_COLOURS[name];
  let hash = 0;
  for (const letter of name ?? '') hash = (hash * 31 + letter.codePointAt(0)) >>> 0;
  return OTHER_COLOURS[hash % OTHER_COLOURS.length];
}

function dot(name) {
  const node = el('span', { class: 'dot', 'aria-hidden': 'true' });
  node.style.background = eventColour(name);
  return node;
}

const FLAGS_SHOWN = (() => {
  // A font without flags draws the two letters, which are wider than one flag: then the name alone is better.
  let shown;
  return () => {
    if (shown === undefined) {
      const context = document.createElement('canvas').getContext('2d');
      context.font = '16px sans-serif';
      shown = context.measureText('🇫🇷').width < context.measureText('🇫').width * 1.9;
    }
    return shown;
  };
})();

function flag(code) {
  if (!/^[A-Z]{2}$/.test(code ?? '') || !FLAGS_SHOWN()) return null;
  const letters = [...code].map((letter) => String.fromCodePoint(0x1f1e6 + letter.charCodeAt(0) - 65));
  return el('span', { class: 'flag', 'aria-hidden': 'true', text: letters.join('') });
}

// Facets and suggestions carry a country's English name alone; its code comes from the browser's own list.
const countryCode = (() => {
  let codes;
  return (name) => {
    if (!codes) {
      codes = new Map();
      const names = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' });
      const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
      for (const first of letters) for (const second of letters) {
        const code = first + second;
        // Former codes (DD, SU, …) bear the name of what followed them, and have no flag.
        const shown = new Intl.Locale(`und-${code}`).region === code ? names.of(code) : undefined;
        if (shown && !codes.has(shown)) codes.set(shown, code);
      }
    }
    return codes.get(name) ?? codes.get(name?.replace(/^The /, ''));
  };
})();

// How long what a reader just did counts more than what the server says, in milliseconds.
const PATIENCE = 3000;

// Where it must be broken, an email address is broken at its sign.
function atSign(text) {
  const at = text.lastIndexOf('@');
  return at > 0 ? [text.slice(0, at), el('wbr'), text.slice(at)] : [text];
}

const number = (value) => Number(value).toLocaleString('en-US');

// Links are only http and https; anything else stays text, whatever it claims to be.
const isWeb = (value) => /^https?:\/\/[^\s]+$/i.test(value ?? '');

// Tab reaches one row and its link, not fifty of each; the arrow keys move which one that is.
function reach(row, yes) {
  for (const node of [row, ...row.querySelectorAll('a')]) node.tabIndex = yes ? 0 : -1;
}

// Moves the focus between rows marked `data-row` with the arrow keys; Enter or space opens.
function rowKeys(body, open) {
  body.addEventListener('keydown', (event) => {
    const row = event.target.closest('[data-row]');
    if (!row) return;
    const step = { ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling' }[event.key];
    if (step && row[step]) {
      event.preventDefault();
      reach(row, false);
      reach(row[step], true);
      row[step].focus();
    } else if ((event.key === 'Enter' || event.key === ' ') && event.target === row) {
      event.preventDefault();
      open(row);
    }
  });
}

const typing = (event) => event.composedPath().some((node) => node.matches?.('input, textarea, select, [contenteditable=true]'));
