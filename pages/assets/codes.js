// Code to copy, in tabs; what is the reader's own in it (the host, the key) is marked.

function coloured(text, marks) {
  const pre = el('pre', { tabindex: '0' });
  const known = marks.filter(Boolean).sort((a, b) => b.length - a.length);
  let rest = text.trimEnd();
  while (rest) {
    const found = known.map((mark) => ({ mark, at: rest.indexOf(mark) })).filter(({ at }) => at >= 0).sort((a, b) => a.at - b.at || b.mark.length - a.mark.length)[0];
    if (!found) { pre.append(rest); break; }
    pre.append(rest.slice(0, found.at), el('mark', { text: found.mark }));
    rest = rest.slice(found.at + found.mark.length);
  }
  return pre;
}

function block(code, marks) {
  const button = el('button', { class: 'button copy', type: 'button', 'aria-label': `Copy ${code.title}` }, icon('copy'), 'Copy');
  button.addEventListener('click', async () => {
    await toClipboard(code.text);
    button.replaceChildren(icon('done'), 'Copied');
    button.classList.add('done');
    setTimeout(() => { button.replaceChildren(icon('copy'), 'Copy'); button.classList.remove('done'); }, 1400);
  });
  const head = el('header', {}, el('span', {}, el('b', { text: code.title }), code.note ? ` ${code.note}` : ''), button);
  return el('div', { class: 'block' }, head, coloured(code.text, marks));
}

function draw(root) {
  const { data } = root;
  const open = (id) => {
    root.tab = id;
    const tab = data.tabs.find((each) => each.id === id) ?? data.tabs[0];
    const names = data.tabs.map((each) => el('button', { class: 'tab', type: 'button', role: 'tab', id: `tab-${each.id}`, 'aria-controls': 'codes', 'aria-selected': String(each === tab), tabindex: each === tab ? '0' : '-1', text: each.label, on: { click: () => { open(each.id); root.querySelector('[aria-selected=true]').focus(); } } }));
    const bar = el('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Ways of sending' }, ...names);
    bar.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) names[(data.tabs.indexOf(tab) + step + names.length) % names.length].click();
    });
    root.replaceChildren(bar, el('div', { role: 'tabpanel', id: 'codes', 'aria-labelledby': `tab-${tab.id}` }, el('p', { class: 'intro', text: tab.intro }), ...tab.codes.map((code) => block(code, data.marks))));
  };
  open(root.tab);
}

export default (component) => renew(component, draw);
