// A funnel by the values of its breakdown: each number a button that asks who is behind it.

const same = (chosen, of, step) => chosen !== null && chosen.step === step && JSON.stringify(chosen.of) === JSON.stringify(of);

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector('.root');
  const key = JSON.stringify(data);
  root.act = (action) => setTriggerValue('action', action);
  if (root.key === key) return;
  const scroll = root.querySelector('.wrap')?.scrollTop ?? 0;
  root.key = key;
  const most = Math.max(1, ...data.rows.map((row) => row.people[0]));
  const cell = (row, index) => {
    const name = row.name ?? 'Not set';
    const button = el('button', { type: 'button', class: same(data.chosen, row.of, index + 1) ? 'count on' : 'count', 'aria-label': `${name}, ${data.steps[index]}: ${number(row.people[index])} people`,
      on: { click: () => root.act({ do: 'people', step: index + 1, of: row.of }) } }, number(row.people[index]), index ? el('small', { text: row.rates[index] }) : null);
    return el('td', { class: 'right' }, button);
  };
  const line = (row) => {
    const fill = el('span', { class: 'fill' });
    fill.style.width = `${(100 * row.people[0]) / most}%`;
    const shown = row.other || row.name === null || row.name === '' ? el('span', { class: 'muted', text: row.other ? 'Other' : 'Not set' }) : el('span', { text: row.name });
    return el('tr', {}, el('td', { class: 'value' }, fill, el('span', { class: 'text' }, data.flags ? flag(countryCode(row.name)) : null, shown)), ...row.people.map((_, index) => cell(row, index)));
  };
  const head = el('tr', {}, el('th', { scope: 'col', text: data.label }), ...data.steps.map((text) => el('th', { scope: 'col', class: 'right', title: text, text: text.length > 34 ? `${text.slice(0, 33)}…` : text })));
  const wrap = el('div', { class: 'wrap' }, el('table', { 'aria-label': `By ${data.label}` }, el('thead', {}, head), el('tbody', {}, ...data.rows.map(line))));
  root.replaceChildren(wrap);
  wrap.scrollTop = scroll;
}
