// Who a profile is about.

function draw(root) {
  const { data } = root;
  const initials = [...data.title].filter((letter, index, all) => /\p{L}|\p{N}/u.test(letter) && (index === 0 || all[index - 1] === ' ')).slice(0, 2).join('').toUpperCase();
  const fact = (label, text) => el('span', {}, el('span', { class: 'mono', text }), copyButton(label, text));
  const facts = el('div', { class: 'facts' }, data.customer_id ? fact('customer ID', data.customer_id) : fact('person', data.person), data.email ? fact('email', data.email) : null);
  if (data.crm && data.customer_id) {
    const href = data.crm.replaceAll('{customer_id}', encodeURIComponent(data.customer_id));
    if (isWeb(href)) facts.append(el('a', { href, target: '_blank', rel: 'noopener noreferrer', text: 'Open in CRM' }));
  }
  root.replaceChildren(el('div', { class: 'who' }, el('div', { class: 'avatar', 'aria-hidden': 'true', text: initials || '–' }), el('div', {}, el('h1', { text: data.title }), facts)));
}

export default (component) => renew(component, draw);
