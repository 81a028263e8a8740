// The view at a glance: people, a histogram one can brush, and the most frequent values, each a click from a filter.

const CHART = { width: 360, height: 134, top: 18, bottom: 18 };

function plot(buckets) {
  const { width, height, top, bottom } = CHART;
  const highest = niceTop(Math.max(1, ...buckets.map((bucket) => bucket.count)));
  const slot = width / buckets.length;
  const y = (count) => top + (height - top - bottom) * (1 - count / highest);
  const canvas = svg('svg', { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img', tabindex: 0 });
  for (const tick of [highest, highest / 2]) {
    canvas.append(svg('line', { class: 'grid', x1: 0, x2: width, y1: y(tick), y2: y(tick), 'vector-effect': 'non-scaling-stroke' }));
  }
  const bars = buckets.map((bucket, index) => {
    const bar = svg('rect', { class: 'bar', x: index * slot + slot * 0.12, width: Math.max(0.6, slot * 0.76), y: y(bucket.count), height: Math.max(0, height - bottom - y(bucket.count)), rx: Math.min(2, slot / 6) });
    canvas.append(bar);
    return bar;
  });
  return { canvas, bars, slot, highest, y };
}

function chartLabels(buckets, highest, y) {
  // Text stands outside the stretched drawing, so that letters keep their shape at every width.
  const labels = el('div', { class: 'labels' });
  const place = (text, style) => {
    const node = el('span', { class: 'muted num', text });
    node.style.cssText = `position:absolute;font-size:10.5px;pointer-events:none;${style}`;
    labels.append(node);
  };
  place(short(highest), `left:0;top:${y(highest) - 16}px;opacity:.85`);  // above its line, where no bar reaches
  const step = Math.max(1, Math.ceil(buckets.length / 5));
  buckets.forEach((bucket, index) => {
    if (index % step) return;
    const centre = (100 * (index + 0.5)) / buckets.length;
    const anchor = centre < 8 ? 'left:0' : centre > 92 ? 'right:0' : `left:${centre}%;transform:translateX(-50%)`;
    place(bucket.label, `${anchor};top:${CHART.height - 15}px;white-space:nowrap`);
  });
  return labels;
}

function histogram(data, buckets) {
  const { canvas, bars, slot, highest, y } = plot(buckets);
  canvas.setAttribute('aria-label', `Events over time, ${buckets.length} bars. Arrow keys walk, Enter picks; drag to choose dates.`);
  const tip = el('div', { class: 'tip', role: 'status' });
  tip.hidden = true;
  const brush = svg('rect', { class: 'brush', y: 0, height: CHART.height - CHART.bottom, x: 0, width: 0, 'vector-effect': 'non-scaling-stroke' });
  brush.style.display = 'none';
  canvas.append(brush);
  let start = null; let at = null;
  const indexAt = (event) => {
    const box = canvas.getBoundingClientRect();
    return Math.min(buckets.length - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * buckets.length)));
  };
  const show = (index) => {
    const [from, to] = start === null ? [index, index] : [Math.min(start, index), Math.max(start, index)];
    const total = buckets.slice(from, to + 1).reduce((sum, bucket) => sum + bucket.count, 0);
    tip.hidden = false;
    const when = from === to ? buckets[from].title : `${buckets[from].title} – ${buckets[to].title}`;
    tip.textContent = `${when}: ${number(total)} ${total === 1 ? 'event' : 'events'}`;
    tip.style.left = `clamp(70px, ${(100 * ((from + to + 1) / 2)) / buckets.length}%, calc(100% - 70px))`;
    bars.forEach((bar, position) => bar.classList.toggle('off', position < from || position > to));
    if (start !== null) {
      brush.style.display = '';
      brush.setAttribute('x', from * slot);
      brush.setAttribute('width', (to - from + 1) * slot);
    }
  };
  const rest = () => { start = null; tip.hidden = true; brush.style.display = 'none'; bars.forEach((bar) => bar.classList.remove('off')); };
  const pick = (one, two) => data.act({ do: 'range', from: buckets[Math.min(one, two)].from, to: buckets[Math.max(one, two)].to });
  canvas.addEventListener('pointermove', (event) => { at = indexAt(event); show(at); });
  canvas.addEventListener('pointerleave', () => { if (start === null) rest(); });
  canvas.addEventListener('pointerdown', (event) => { canvas.setPointerCapture(event.pointerId); start = at = indexAt(event); show(at); });
  canvas.addEventListener('pointerup', (event) => { if (start !== null) { const [one, two] = [start, indexAt(event)]; rest(); pick(one, two); } });
  canvas.addEventListener('pointercancel', rest);
  canvas.addEventListener('blur', rest);
  canvas.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) {
      event.preventDefault();
      event.stopPropagation();
      at = Math.min(buckets.length - 1, Math.max(0, (at ?? (step > 0 ? -1 : buckets.length)) + step));
      show(at);
    } else if (event.key === 'Enter' && at !== null) pick(at, at);
  });
  return el('div', { class: 'chart' }, tip, canvas, chartLabels(buckets, highest, y));
}

function facetList(data, facet) {
  const most = Math.max(1, ...facet.values.map((item) => item.count));
  const rows = facet.values.map((item) => {
    const fill = el('span', { class: 'fill' });
    fill.style.width = `${(100 * item.count) / most}%`;
    const mark = facet.field === 'country' ? flag(countryCode(item.value)) : '';
    const shown = item.value === null ? el('span', { class: 'name muted', text: 'Not set' }) : el('span', { class: 'name', title: item.value }, mark, item.value);
    const filter = (op) => data.act({ do: 'filter', field: facet.field, op, value: item.value });
    const button = el('button', { type: 'button', 'aria-label': `Filter by ${facet.label} ${item.value ?? 'not set'}: ${number(item.count)}`, on: { click: () => filter('is') } },
      fill, facet.field === 'event' ? dot(item.value) : null, shown, el('span', { class: 'count', text: number(item.count) }));
    const exclude = iconButton('exclude', `Exclude ${item.value ?? 'not set'}`, () => filter('is_not'));
    return el('div', { class: 'pick' }, button, el('span', { class: 'tools' }, exclude));
  });
  return [el('h3', { text: facet.title }), el('div', { class: 'bars' }, ...rows)];
}

function howNote(note) {
  return el('details', { class: 'how' }, el('summary', { text: 'How this is computed' }), el('p', { text: note.rule }),
    ...note.commands.map((command) => el('pre', { text: command })));
}

function bones() {
  return [18, 62, 128, 20, 26, 26, 26, 20, 26, 26, 26].map((height) => {
    const node = el('div', { class: 'bone' });
    node.style.cssText = `height:${height}px;margin-top:10px`;
    return node;
  });
}

function pickList(data, list) {
  const rows = list.items.map((item) => el('div', { class: 'pick' }, el('button', { type: 'button', disabled: !item.action, on: { click: () => data.act(item.action) } },
    item.event ? dot(item.event) : null, el('span', { class: 'name', text: item.text, title: item.text }), el('span', { class: 'count always', text: item.note }))));
  return [el('h3', { text: list.title }), el('div', { class: 'bars' }, ...rows)];
}

function glance(data) {
  const facts = data.glance;
  const head = el('div', { class: 'head' }, el('h2', { text: facts?.heading ?? 'This view at a glance' }));
  if (!facts) return [head, ...bones()];
  const tile = (item) => el('div', { class: 'tile', title: item.title }, el('div', { class: 'label', text: item.label }), el('div', { class: 'value', text: item.value }));
  return [
    head,
    facts.tiles.length ? el('div', { class: 'tiles' }, ...facts.tiles.map(tile)) : null,
    ...(facts.total ? [histogram(data, facts.histogram)] : []),
    ...facts.lists.filter((list) => list.items.length).flatMap((list) => pickList(data, list)),
    ...facts.facets.filter((facet) => facet.values.length).flatMap((facet) => facetList(data, facet)),
    el('div', { class: 'hint' }, el('span', {}, el('kbd', { text: '↑' }), ' ', el('kbd', { text: '↓' }), ' move'), el('span', {}, el('kbd', { text: 'Enter' }), ' opens'), el('span', {}, el('kbd', { text: 'Esc' }), ' closes'), el('span', {}, el('kbd', { text: '/' }), ' filters')),
    howNote(facts.how),
  ].filter(Boolean);
}
