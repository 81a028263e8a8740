// The Harbour Courier, as a site with Pelcro's interface behaves: a meter, modals, and what it announces of them.
// There is no line for tracking here. Pelcro's own interface dispatches these DOM events and makes this one call
// (docs/wire.md, "Pelcro's own SDK"); the snippet in the head hears them. Everything is kept in this browser.

(() => {
  const site = document.body.dataset;
  const KEPT = 'harbour-courier';
  const SETTLED = 400; // ms after the page is loaded; Pelcro's interface is a script that comes late, too
  const plans = site.plans.split('|').map((line) => {
    const [name, amount, currency, interval] = line.split(';');
    return { name, amount: Number(amount), currency, interval };
  });

  // ---- What this browser knows: articles read, the account, whether one is logged in, the subscription.

  const visitor = { read: [], account: null, loggedIn: false, plan: null, letters: false, ...kept() };

  function kept() {
    try { return JSON.parse(localStorage.getItem(KEPT)); } catch { return {}; }
  }

  function keep(changes) {
    Object.assign(visitor, changes);
    localStorage.setItem(KEPT, JSON.stringify(visitor));
    draw();
  }

  // ---- What Pelcro's interface announces

  const announce = (name, detail = {}) => document.dispatchEvent(new CustomEvent(name, { detail }));

  function announceModal(name) {
    announce('PelcroModalDisplay', { modalName: `pelcro-${name.replaceAll(' ', '-')}` });
    window.Pelcro?.insight?.track?.('Modal Displayed', { name });
  }

  // ---- Small tools

  function el(tag, props = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(props)) {
      if (name === 'text') node.textContent = value;
      else if (name === 'click') node.addEventListener('click', value);
      else if (value !== false && value !== undefined) node.setAttribute(name, value === true ? '' : value);
    }
    node.append(...children.filter(Boolean));
    return node;
  }

  const random = (length) => Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => (byte % 36).toString(36)).join('');
  const price = (plan) => new Intl.NumberFormat('en', { style: 'currency', currency: plan.currency }).format(plan.amount);
  const field = (label, name, props = {}) => el('label', { text: label }, el('input', { name, required: true, ...props }));

  // ---- Modals

  let open = null;

  function modal(title, text, children, { wide, shut = true } = {}) {
    open?.remove();
    const box = el('dialog', { class: wide ? 'wide' : '', 'aria-label': title });
    if (shut) box.append(el('button', { type: 'button', class: 'x', 'aria-label': 'Close', text: '×', click: () => box.close() }));
    box.append(el('h2', { text: title }), text ? el('p', { text }) : '', ...children.filter(Boolean));
    box.addEventListener('close', () => { box.remove(); if (open === box) open = null; });
    if (!shut) box.addEventListener('cancel', (event) => event.preventDefault());
    document.body.append(box);
    box.showModal();
    open = box;
    return box;
  }

  const shut = () => open?.close();
  const go = (text, click) => el('button', { type: click ? 'button' : 'submit', class: 'primary go', text, click });
  const or = (text, label, click) => el('p', { class: 'or' }, `${text} `, el('button', { type: 'button', text: label, click }));
  const small = (text) => el('small', { text });

  function form(fields, label, submitted) {
    const node = el('form', {}, ...fields, go(label));
    node.addEventListener('submit', (event) => {
      event.preventDefault();
      submitted(Object.fromEntries(new FormData(node)));
    });
    return node;
  }

  // Closed: only the beginning of the story can be read, with a way on below it.
  function close(story) {
    story.classList.add('closed');
    if (!story.querySelector('.on')) story.querySelector('.text').after(el('p', { class: 'on' }, el('button', { type: 'button', class: 'primary', 'data-do': 'on', text: 'Go on reading' })));
  }

  // Registering opens any story but those for subscribers.
  function reopen() {
    const story = document.querySelector('.story');
    if (!story || (story.dataset.premium === 'true' && !visitor.plan)) return;
    story.classList.remove('closed');
    story.querySelector('.on')?.remove();
  }

  const goOn = () => (visitor.loggedIn ? showPlans() : showMeter());

  function showMeter() {
    close(document.querySelector('.story'));
    announce('PelcroPaywallDisplayed');
    modal(`You have read your ${site.free} free articles`, 'Register once, and go on reading for nothing. Subscribers also read what is marked for them.', [
      go('Register for free', () => showRegister()),
      or('Or', 'see the subscriptions', () => showPlans()),
      visitor.account ? or('Registered already?', 'Log in', () => showLogin()) : null,
      or('', 'Back to the front page', () => { location.href = `${site.base}/`; }),
    ], { shut: false });
  }

  function showRegister(after = shut) {
    announceModal('register modal');
    modal('Create your account', 'It takes a minute, and there is no password to remember.', [
      form([
        el('div', { class: 'two' }, field('First name', 'first_name', { autofocus: true, autocomplete: 'given-name', maxlength: 60 }), field('Last name', 'last_name', { autocomplete: 'family-name', maxlength: 60 })),
        field('Email', 'email', { type: 'email', autocomplete: 'email', maxlength: 120 }),
      ], 'Create account', (given) => {
        const account = { id: `cus_${random(14)}`, ...given };
        keep({ account, loggedIn: true });
        reopen();
        announce('PelcroUserRegister', account);
        after();
      }),
      visitor.account ? or('Have an account?', 'Log in', () => showLogin(after)) : null,
      small('A demo: what you write shows up in Activity and nowhere else. Any name will do.'),
    ]);
  }

  function showLogin(after = shut) {
    announceModal('login modal');
    const account = visitor.account;
    modal('Welcome back', account ? 'This browser remembers you.' : 'Nobody has registered in this browser yet.', [
      account ? go(`Log in as ${account.first_name} ${account.last_name}`, () => {
        keep({ loggedIn: true });
        reopen();
        announce('PelcroUserLoggedIn', account);
        after();
      }) : go('Create an account', () => showRegister(after)),
      account ? or('Somebody else?', 'Register', () => showRegister(after)) : null,
    ]);
  }

  function showPlans() {
    announceModal('selection modal');
    const choice = plans.map((plan) => el('button', { type: 'button', class: 'plan', click: () => chosen(plan) }, el('b', { text: plan.name }), el('span', { text: price(plan) }), el('i', { text: ` a ${plan.interval}` })));
    modal('Choose your subscription', 'Everything we write, on every device. Cancel whenever you like.', [el('div', { class: 'plans' }, ...choice), small('A demo: nothing is sold, and nobody is charged.')], { wide: true });
  }

  const chosen = (plan) => (visitor.loggedIn ? showCheckout(plan) : showRegister(() => showCheckout(plan)));

  function showCheckout(plan) {
    announceModal('subscription create modal');
    modal('Almost aboard', 'This is where a card would go. Here, a click is enough.', [
      el('div', { class: 'bill' }, el('span', { text: plan.name }), el('span', { text: `${price(plan)} a ${plan.interval}` })),
      go('Start my subscription', () => {
        keep({ plan });
        reopen();
        announce('PelcroSubscriptionCreate', { id: `sub_${random(14)}`, status: 'active', plan: { id: plan.name.toLowerCase().replace(/[^a-z]+/g, '-'), ...plan } });
        showSuccess(plan);
      }),
      or('', 'Another subscription', () => showPlans()),
    ]);
  }

  function showSuccess(plan) {
    announceModal('subscription success modal');
    modal('Welcome aboard', `${plan.name} is yours, ${visitor.account.first_name}. Everything is open to you now.`, [go('Start reading', shut)]).prepend(el('div', { class: 'tick', 'aria-hidden': 'true', text: '✓' }));
  }

  function showNewsletter() {
    announceModal('newsletter modal');
    modal('Morning Briefing', 'The harbour’s day in five minutes, before the first ferry.', [
      form([field('Email', 'email', { type: 'email', autofocus: true, autocomplete: 'email', maxlength: 120, value: visitor.account?.email })], 'Sign me up', ({ email }) => {
        keep({ letters: true });
        announce('PelcroNewsletterCreated', { email, lists: ['Morning Briefing'] });
        modal('Until tomorrow morning', 'That is, it would be: this is a demo, and no letter is ever sent.', [go('Go on reading', shut)]);
      }),
    ]);
  }

  function showAccount() {
    announceModal('dashboard');
    const { account, plan } = visitor;
    modal(`${account.first_name} ${account.last_name}`, account.email, [
      el('div', { class: 'bill' }, el('span', { text: plan ? plan.name : 'Registered reader' }), el('span', { text: plan ? `${price(plan)} a ${plan.interval}` : 'Free' })),
      plan ? null : go('See the subscriptions', () => showPlans()),
      or('', 'Log out', () => {
        keep({ loggedIn: false });
        announce('PelcroUserLogout', account);
        shut();
      }),
    ]);
  }

  // ---- The page

  const see = document.querySelector('[data-do=see]');

  // Who this is to the pipeline: the customer, or the visitor whose id the snippet keeps in this browser.
  function draw() {
    const subscribed = visitor.loggedIn && visitor.plan;
    const shown = { out: !visitor.loggedIn, in: visitor.loggedIn, unsubscribed: !subscribed };
    for (const node of document.querySelectorAll('[data-when]')) node.hidden = !shown[node.dataset.when];
    document.querySelector('[data-do=account]').textContent = visitor.account?.first_name ?? '';
    const anonymous = localStorage.getItem('activity.anonymousId');
    const who = visitor.loggedIn ? `c:${visitor.account.id}` : anonymous && `a:${anonymous}`;
    see.href = who ? `/?range=24H&f=${encodeURIComponent(`person is ${who}`)}` : '/?range=24H';
    const left = Math.max(0, site.free - visitor.read.length);
    const free = document.querySelector('.free');
    free.hidden = visitor.loggedIn;
    free.textContent = left === 1 ? '1 free article left' : `${left} free articles left`;
  }

  function startOver() {
    if (visitor.loggedIn) announce('PelcroUserLogout', visitor.account);
    window.activity?.reset?.();
    localStorage.removeItem(KEPT);
    location.href = `${site.base}/`;
  }

  const actions = { login: () => showLogin(), subscribe: showPlans, newsletter: showNewsletter, account: showAccount, on: goOn, over: startOver };

  document.addEventListener('click', (event) => actions[event.target.closest('[data-do]')?.dataset.do]?.());
  see.addEventListener('pointerdown', draw);

  function meet() {
    site.met = '';
    if (visitor.loggedIn) announce('PelcroUserLoaded', visitor.account);
    draw();
    const story = document.querySelector('[data-article]');
    if (!story) return;
    const { article, premium } = story.dataset;
    if (!visitor.loggedIn) {
      if (!visitor.read.includes(article) && visitor.read.length >= site.free) showMeter();
      else if (!visitor.read.includes(article)) keep({ read: [...visitor.read, article] });
    } else if (premium === 'true' && !visitor.plan) {
      close(story);
      showPlans();
    }
  }

  draw();
  window.addEventListener('load', () => setTimeout(meet, SETTLED));
})();
