/*
 * activity.js – tells the collector of Customers Activity what readers do on a site.
 *
 *   <script async src="https://COLLECTOR/activity.js" data-key="wk_…"></script>
 *
 * Attributes of the tag: data-key (the site's write key), data-host (the collector, where it is not the folder this
 * script came from), data-consent="required" (do nothing before activity.optIn()), data-auto="off" (no page views by
 * itself).
 *
 * The page may call activity.track(name, properties), identify(userId, traits), page(name, properties), reset(),
 * optOut() and optIn(). Nothing here ever throws into the page, and every event is stored before it is sent.
 *
 * Readers download activity.min.js, of at most 4 KB with gzip: comments cost nothing there, names do.
 */
(() => {
  const warn = (...words) => console.warn("activity.js:", ...words);
  const { src, dataset } = document.currentScript || {};
  const { key, host, consent, auto } = dataset || {};
  const stub = window.activity;
  if (!key) return warn("data-key is missing");
  // Loaded a second time: the first one is at work.
  if (stub?.version) return;

  const version = "1.0.0";
  const minute = 6e4; // ms
  const maxBytes = 32e3; // in a request: browsers grant 64 KB to all that outlive a page, and two may be under way

  /** `work`, with its errors told to the console instead of the page. */
  const safely = (work) => (...args) => {
    try {
      return work(...args);
    } catch (error) {
      warn(error);
    }
  };

  const listen = (target, names, work) => {
    for (const name of names.split(" ")) target.addEventListener(name, safely(work), true);
  };

  // ---- Storage: texts and JSON in localStorage, and in the page's memory what that refuses (blocked or full).

  const memory = {};

  const read = (name) => {
    let text = memory[name];
    try {
      text = text || localStorage[name];
      return JSON.parse(text);
    } catch {
      return text;
    }
  };

  /** Keep `value`; without a value, remove what is there. */
  const write = (name, value) => {
    const text = value?.trim ? value : JSON.stringify(value);
    delete memory[name];
    try {
      if (text) localStorage[name] = text;
      else delete localStorage[name];
    } catch {
      if (text) memory[name] = text;
    }
  };

  /** The names kept that begin with `start`, sorted. */
  const names = (start) => {
    const found = Object.keys(memory);
    try {
      found.push(...Object.keys(localStorage));
    } catch {}
    return found.filter((name) => name.startsWith(start)).sort();
  };

  // ---- Consent

  const refused = () => navigator.globalPrivacyControl || navigator.doNotTrack == 1;

  /** Whether anything may be stored or sent. What the browser refuses, no page can allow. */
  const allowed = () => !refused() && (read("activity.consent") ?? consent != "required");

  /** Remove all we stored, but for the reader's own choice. */
  const forget = () => {
    view = 0;
    for (const name of names("activity.")) if (name != "activity.consent") write(name);
  };

  // ---- The queue. Each event is an entry of its own, so no tab can overwrite another's: activity.q.DUE.COUNTER.PAGE

  /** A random UUID (version 4), also where crypto.randomUUID is missing: on sites without https. */
  const uuid = () =>
    "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) =>
      (digit ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (digit / 4)))).toString(16)
    );
  const now = () => Date.now();
  const bytes = (event) => new Blob([JSON.stringify(event)]).size;

  const ours = uuid(); // ends the names of this page's entries
  const flying = new Set(); // entries in a request of this page
  let counter = 1e6;
  let timer, wakes;

  /** Queue `event`, to be sent from `due` on. Gives the entry's name. */
  const enqueue = (event, due) => {
    if (bytes(event) > maxBytes) return warn("too large, dropped:", event);
    const name = `activity.q.${due}.${++counter}.${ours}`;
    write(name, event);
    // A queue holds 500 events; beyond, the oldest are dropped.
    for (const oldest of names("activity.q").slice(0, -500)) write(oldest);
    later(300); // what happens until then goes in one request
    return name;
  };

  const later = (delay) => {
    if (timer && wakes <= now() + delay) return;
    clearTimeout(timer);
    wakes = now() + delay;
    timer = setTimeout(safely(flush), delay);
  };

  /** Until when nobody sends, and how often in a row sending failed: shared by all tabs and the pages to come. */
  const pause = () => read("activity.pause") || { failures: 0 };

  /** Send what is due: our own, and what another page left behind: what it has not sent itself in ten seconds. */
  const flush = () => {
    timer = 0;
    const { until } = pause();
    // Not all tabs at once. And no pause is longer than an hour, unless the clock was set back.
    if (until > now() && until < now() + 61 * minute) return later(until - now() + 500 * Math.random());
    const age = (name) => now() - name.split(".")[2];
    const due = names("activity.q").filter((name) => age(name) >= 0 && !flying.has(name));
    const ready = due.filter((name) => name.endsWith(ours) || age(name) > 1e4);
    if (due[0]) later(1e4);
    if (ready[0] && allowed()) post(ready);
  };

  /** Send as many of the entries as a request may hold. They stay in the queue until the collector has them. */
  const post = (ready) => {
    const taken = [], batch = [];
    let size = 0;
    for (const name of ready.slice(0, 50)) {
      const event = read(name);
      size += bytes(event);
      if (size > maxBytes) break;
      taken.push(name);
      batch.push(event);
      flying.add(name);
    }
    // A text body needs no preflight; keepalive lets the request outlive the page.
    fetch(new URL("v1/b", host ? host.replace(/\/*$/, "/") : src), {
      method: "POST",
      body: JSON.stringify({ writeKey: key, sentAt: new Date(), batch }),
      keepalive: true,
      credentials: "omit",
      signal: AbortSignal.timeout?.(1e4),
    })
      .catch(() => ({}))
      .then((answer) => settle(answer, taken))
      .catch(warn);
  };

  /** No answer in time, 5xx and 429 deserve another try; other refusals are final. */
  const settle = (answer, taken) => {
    const { status } = answer;
    for (const name of taken) flying.delete(name);
    if (!allowed()) return;
    if (!status || /408|429|^5/.test(status)) {
      const failures = pause().failures + 1;
      // Our own back-off doubles from a second to five minutes, less up to a half; the collector may ask for an hour.
      const backOff = Math.min(2 ** failures * 500, 5 * minute) * (0.5 + Math.random() / 2);
      const asked = answer.headers?.get("Retry-After") * 1e3 || 0;
      const delay = Math.min(Math.max(asked, backOff), 60 * minute);
      write("activity.pause", { until: now() + delay, failures });
      return later(delay);
    }
    for (const name of taken) write(name);
    write("activity.pause");
    later(0);
    if (!answer.ok) return answer.text().then((why) => warn(taken.length, "events dropped:", status, why));
  };

  // ---- Events

  /** What the address bar shows. In a single-page app the referrer is the page before. */
  const here = () => ({
    url: location.href.split("#")[0],
    path: location.pathname,
    search: location.search,
    title: document.title,
    referrer,
  });

  /** The visit's campaign and landing page. Other UTM tags, or half an hour without an event, begin a new visit. */
  const visitOf = ({ url, search, referrer }) => {
    const campaign = {};
    for (const [name, value] of new URLSearchParams(search)) {
      const utm = /^utm_(.+)/.exec(name)?.[1];
      if (utm) campaign[utm == "campaign" ? "name" : utm] = value;
    }
    const told = JSON.stringify(campaign);
    const kept = read("activity.visit");
    return kept?.at > now() - 30 * minute && (told == "{}" || told == JSON.stringify(kept.campaign))
      ? kept
      : { campaign, landing: { url, referrer } };
  };

  /** Make an event of `fields` and queue it, if that is allowed. `page` is where it happened. */
  const send = (fields, page = here(), due = now()) => {
    if (!allowed()) return;
    const visit = visitOf(page);
    const anonymousId = read("activity.anonymousId") || uuid();
    write("activity.anonymousId", anonymousId);
    write("activity.visit", { ...visit, at: now() });
    return enqueue(
      {
        messageId: uuid(),
        anonymousId,
        userId: read("activity.user")?.id,
        originalTimestamp: new Date(),
        ...fields,
        context: {
          page,
          campaign: visit.campaign,
          landing: visit.landing,
          locale: navigator.language,
          timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
          screen: { width: screen.width, height: screen.height },
          library: { name: "activity.js", version },
          userAgentData: navigator.userAgentData,
        },
      },
      due
    );
  };

  const shown = {}; // modal → when it was displayed last, and the ways by which that was announced

  /** Whether this only repeats, by another way, that a modal is displayed: Pelcro's UI announces it in two ways. */
  const repeated = (name, way) => {
    const modal = String(name).toLowerCase().replace(/pelcro|modal|[^a-z0-9]/g, "");
    const last = shown[modal];
    if (last?.at > now() - 1e3 && !last.ways.includes(way)) return last.ways.push(way);
    shown[modal] = { at: now(), ways: [way] };
  };

  const track = (event, properties, way) => {
    if (!event) return warn("a name is missing");
    if (event == "Modal Displayed" && repeated(properties?.name, way)) return;
    settled();
    send({ type: "track", event: "" + event, properties });
  };

  /** Remember who the reader is and tell it; with `quietly`, only if it was not known. */
  const identify = (id, traits, quietly) => {
    if (!allowed()) return;
    if (Object(id) === id) [id, traits] = [null, id];
    settled();
    let known = read("activity.user") || {};
    id = id ? String(id) : known.id;
    if (known.id && known.id != id) {
      // Another customer on this device is another visitor, too.
      reset();
      known = {};
    }
    const user = { id, traits: { ...known.traits, ...traits } };
    if (quietly && JSON.stringify(user) == JSON.stringify(known)) return;
    write("activity.user", user);
    send({ type: "identify", traits });
  };

  const reset = () => {
    write("activity.user");
    write("activity.anonymousId");
  };

  const choose = (choice) => refused() || write("activity.consent", choice);

  const optOut = () => {
    forget();
    choose(false);
  };

  const optIn = () => {
    choose(true);
    begin();
  };

  // ---- Page views: a reader's engaged time and scroll depth go with “Page Left”, one for each view, when it ends

  let view; // the one that is going on: {id, page, engaged, deepest, height, draft}
  let referrer = document.referrer;
  let last; // the URL of the last view
  let current; // the URL of the last view, or of the one expected
  let expected; // the timer of a view that waits for the app to settle
  let alive; // when the engaged time was last counted
  let visible = !document.hidden;

  /** End the view that is going on and begin a new one. */
  const page = (name, properties) => {
    if (Object(name) === name) [name, properties] = [, name];
    leave();
    clearTimeout(expected);
    expected = 0;
    const at = here();
    current = at.url;
    if (!allowed()) return;
    if (last && last != current) at.referrer = referrer = last;
    last = current;
    view = { id: uuid(), page: at, engaged: 0, deepest: 0 };
    const article = {};
    for (const meta of document.querySelectorAll("meta[property^='article:']")) {
      const tag = meta.getAttribute("property");
      // What is there several times becomes a list.
      article[tag] = tag in article ? [].concat(article[tag], meta.content) : meta.content;
    }
    send({ type: "page", name, properties: { ...article, ...properties } });
  };

  const begin = () => auto != "off" && !view && page();
  /** The expected view, at once: something happens on its page already. */
  const settled = () => expected && page();

  /** In a single-page app: a new path or search is a new view, when the app has had 100 ms to set its title. */
  const moved = () => {
    const { url } = here();
    if (url == current) return;
    current = url;
    // At once, before the next page's content counts for this one.
    leave();
    clearTimeout(expected);
    expected = setTimeout(safely(settled), 100);
  };

  /** Count the time since the last sign of life, if the reader was there: half a minute later they are gone. */
  const spend = () => {
    const time = performance.now();
    if (view && visible) view.engaged += Math.min(time - alive, minute / 2);
    alive = time;
  };

  const measure = () => {
    if (!view) return;
    view.deepest = Math.max(view.deepest, scrollY + innerHeight);
    view.height = document.documentElement.scrollHeight;
  };

  /** Queue “Page Left”; with a time yet to come it is a draft, which goes out if the page dies unheard. */
  const left = (due) => {
    if (!view) return;
    if (view.draft) {
      // A draft that is gone was sent by another tab.
      if (!read(view.draft)) return;
      write(view.draft);
    }
    if (!view.height) measure();
    const properties = {
      scroll_percent: Math.min(100, Math.round((100 * view.deepest) / view.height)),
      engaged_seconds: Math.round(view.engaged / 1e3),
    };
    view.draft = send({ type: "track", event: "Page Left", messageId: view.id, properties }, view.page, due);
  };

  const leave = () => {
    spend();
    left();
    view = 0;
  };

  // ---- Pelcro

  /** Give `found` what `object[name]` is and every value it gets later, and keep there what `found` makes of it. */
  const watch = (object, name, found) => {
    let value;
    const take = (next) => {
      value = safely(found)(next) || next;
    };
    take(object[name]);
    try {
      Object.defineProperty(object, name, { configurable: true, enumerable: true, get: () => value, set: take });
    } catch {
      // A global `var Pelcro` cannot be redefined, so look at it again and again.
      const look = () => {
        if (object[name] != value) take(object[name]);
        object[name] = value;
      };
      look();
      setInterval(look, 500);
    }
  };

  /** A `track` that calls ours and theirs, if there is one. */
  const both = (theirs) => {
    if (theirs?.activity) return theirs;
    const track = function (event, properties) {
      activity.track(event, properties, "call");
      return theirs?.apply(this, arguments);
    };
    track.activity = true;
    return track;
  };

  // Of a customer only this is taken: what Pelcro hands out has a token in it.
  const customer = ({ id, email, first_name, last_name }) =>
    id && activity.identify(id, { email, first_name, last_name }, true);

  // The SDK's DOM events, and what each means.
  const pelcro = {
    ModalDisplay: ({ modalName }) =>
      // The name as Pelcro's UI gives it to insight.track.
      activity.track("Modal Displayed", { name: modalName.replace("pelcro-", "").replace(/-/g, " ") }, "event"),
    PaywallDisplayed: () => activity.track("Modal Displayed", { name: "meter" }, "paywall"),
    UserRegister(user) {
      customer(user);
      activity.track("Registered");
    },
    UserLoggedIn: customer,
    UserLoaded: customer,
    UserLogout: () => activity.reset(),
    SubscriptionCreate(told) {
      // The UI's own hooks are told the whole customer, with the new subscription as the last of theirs.
      const { id, status, plan } = told.subscriptions?.slice(-1)[0] || told;
      activity.track("Subscribed", { subscription_id: id, status, plan: plan?.name, interval: plan?.interval });
    },
    NewsletterCreated: ({ newsletter_id, lists }) => activity.track("Newsletter Subscribed", { newsletter_id, lists }),
  };

  // ---- Start

  // Calls that came before us, and until the page's head is read: its title and tags belong to the first view.
  const activity = (window.activity = stub?.splice ? stub : []);
  const methods = { track, identify, page, reset, optOut, optIn };
  let ready;

  const start = () => {
    if (ready) return;
    ready = true;
    if (!allowed()) forget();
    for (const [method, ...args] of activity.splice(0)) {
      if (method == "track") begin();
      activity[method](...args);
    }
    begin();
  };

  activity.version = version;
  for (const method in methods) {
    activity[method] = safely((...args) => (ready ? methods[method](...args) : activity.push([method, ...args])));
  }

  watch(window, "Pelcro", (sdk = {}) => {
    watch(sdk, "insight", (insight = {}) => {
      watch(insight, "track", both);
      return insight;
    });
    return sdk;
  });
  for (const name in pelcro) {
    listen(document, "Pelcro" + name, ({ detail }) => pelcro[name](detail?.data || detail || {}));
  }

  if (auto != "off") {
    for (const name of ["pushState", "replaceState"]) {
      const theirs = history[name];
      history[name] = function () {
        theirs.apply(this, arguments);
        safely(moved)();
      };
    }
    listen(window, "popstate", moved);
    listen(window, "pageshow", ({ persisted }) => persisted && begin());
  }
  listen(window, "scroll pointermove pointerdown keydown", () => {
    if (performance.now() - alive < 200) return;
    spend();
    measure();
  });
  listen(document, "visibilitychange", () => {
    spend();
    measure();
    visible = !document.hidden;
    if (visible) return;
    left(now() + 30 * minute);
    flush();
  });
  listen(window, "pagehide", () => {
    start();
    measure();
    leave();
    flush();
  });
  if (document.prerendering) listen(document, "prerenderingchange", start);
  else if (document.readyState == "loading") listen(document, "DOMContentLoaded", start);
  else start();
})();
