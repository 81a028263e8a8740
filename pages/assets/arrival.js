// Has the first event come, and can it be seen? Drawn again only when something has changed.

function draw(root) {
  const { data } = root;
  const steps = data.steps.map((step) => el('div', { class: `line ${step.state}` }, el('span', { class: 'ball', 'aria-hidden': 'true' }, step.state === 'done' ? icon('done') : null),
    el('div', {}, el('div', { class: 'title', text: step.state === 'done' ? `${step.title} ✓` : step.title }), step.note ? el('div', { class: 'note', text: step.note }) : null)));
  const go = data.href ? el('a', { class: 'button primary go', href: data.href, target: '_self' }, 'See them in Activity', icon('right')) : null;
  const hint = data.stage === 'none' ? el('p', { class: 'hint', text: 'Choose or make a key first; then this looks for its events by itself.' }) : null;
  root.replaceChildren(el('div', { role: 'status', 'aria-label': 'Live check', 'data-stage': data.stage }, ...steps, go, hint));
}

export default (component) => renew(component, draw);
