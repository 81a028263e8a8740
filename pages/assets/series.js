// A series over time: stacked bars, or a line with the limit it should stay under. A span without a value is a gap.

const PLOT = { width: 600, height: 168, top: 20, bottom: 20 };

const lasted = (seconds) => {
  const [size, unit] = [[86400, 'd'], [3600, 'h'], [60, 'min']].find(([least]) => seconds >= least) ?? [1, 's'];
  return `${+(seconds / size).toFixed(1)} ${unit}`;
};

function bars(canvas, data, slot, y) {
  data.spans.forEach((span, index) => {
    let below = 0;
    (span.values ?? []).forEach((value, place) => {
      if (!value) return;
      const [top, base] = [y(below + value), y(below)];
      canvas.append(svg('rect', { class: `bar part${place}`, x: index * slot + slot * 0.1, width: Math.max(0.8, slot * 0.8), y: Math.min(top, base - 1.5), height: Math.max(1.5, base - top) }));
      below += value;
    });
  });
}

function line(canvas, data, slot, y) {
  const base = y(0);
  let run = [];
  const end = () => {
    if (run.length) {
      const points = run.map(([index, value]) => [(index + 0.5) * slot, y(value)]);
      if (points.length === 1) points.push([points[0][0] + slot * 0.5, points[0][1]]);
      const path = points.map(([x, up], place) => `${place ? 'L' : 'M'}${x.toFixed(2)} ${up.toFixed(2)}`).join('');
      canvas.append(svg('path', { class: 'area', d: `${path}L${points.at(-1)[0]} ${base}L${points[0][0]} ${base}Z` }));
      canvas.append(svg('path', { class: 'line', d: path, 'vector-effect': 'non-scaling-stroke' }));
    }
    run = [];
  };
  data.spans.forEach((span, index) => {
    if (span.values) run.push([index, span.values[0]]);
    else end();
  });
  end();
}

// Where the scheduler did not run between two samples of which it did.
function gaps(canvas, data, slot) {
  const told = data.spans.map((span, index) => (span.values ? index : -1)).filter((index) => index >= 0);
  for (let index = told[0] ?? 0; index < (told.at(-1) ?? 0); index += 1) {
    if (!data.spans[index].values) canvas.append(svg('rect', { class: 'gap', x: index * slot, width: slot, y: PLOT.top, height: PLOT.height - PLOT.top - PLOT.bottom }));
  }
}

function labels(data, highest, y) {
  const box = el('div', { class: 'labels', 'aria-hidden': 'true' });
  const place = (text, style, cls = 'muted num') => {
    const node = el('span', { class: cls, text });
    node.style.cssText = style;
    box.append(node);
  };
  place(data.seconds ? lasted(highest) : short(highest), `left:0;top:${y(highest) - 16}px`);
  if (data.limit !== null) place(data.limit_label, `right:0;top:${y(data.limit) - 16}px`, 'limit num');
  const step = Math.max(1, Math.ceil(data.spans.length / 6));
  data.spans.forEach((span, index) => {
    const centre = (100 * (index + 0.5)) / data.spans.length;
    if (index % step || centre > 95) return;
    place(span.label, `${centre < 5 ? 'left:0' : `left:${centre}%;transform:translateX(-50%)`};top:${PLOT.height - 16}px`);
  });
  return box;
}

function legend(data) {
  if (data.names.length < 2) return null;
  return el('div', { class: 'legend' }, ...data.names.map((name, place) => el('span', {}, el('i', { class: `part${place}` }), name)));
}

function walk(canvas, data, slot) {
  const tip = el('div', { class: 'tip', role: 'status' });
  const mark = svg('rect', { class: 'mark', y: PLOT.top, width: slot, height: PLOT.height - PLOT.top - PLOT.bottom });
  canvas.prepend(mark);
  let at = null;
  const rest = () => { tip.hidden = true; mark.style.display = 'none'; };
  const show = (index) => {
    at = Math.min(data.spans.length - 1, Math.max(0, index));
    tip.hidden = false;
    mark.style.display = '';
    mark.setAttribute('x', at * slot);
    tip.textContent = data.spans[at].title;
    tip.style.left = `clamp(96px, ${(100 * (at + 0.5)) / data.spans.length}%, calc(100% - 96px))`;
  };
  canvas.addEventListener('pointermove', (event) => {
    const box = canvas.getBoundingClientRect();
    show(Math.floor(((event.clientX - box.left) / box.width) * data.spans.length));
  });
  canvas.addEventListener('pointerleave', rest);
  canvas.addEventListener('blur', rest);
  canvas.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(at === null ? (step > 0 ? 0 : data.spans.length - 1) : at + step);
  });
  rest();
  return tip;
}

function draw(root) {
  const { data } = root;
  if (data.empty) {
    root.replaceChildren(el('div', { class: 'empty', text: data.empty }));
    return;
  }
  const sums = data.spans.map((span) => (span.values ?? []).reduce((sum, value) => sum + value, 0));
  const most = Math.max(1, ...sums, data.limit === null ? 0 : data.limit * 1.15);
  const highest = data.seconds && most > 60 ? Math.ceil(most / 60) * 60 : niceTop(most);
  const slot = PLOT.width / data.spans.length;
  const y = (value) => PLOT.top + (PLOT.height - PLOT.top - PLOT.bottom) * (1 - value / highest);
  const canvas = svg('svg', { viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, preserveAspectRatio: 'none', role: 'img', tabindex: 0, 'aria-label': data.label });
  if (data.seconds) gaps(canvas, data, slot);
  for (const tick of [highest, highest / 2, 0]) canvas.append(svg('line', { class: 'grid', x1: 0, x2: PLOT.width, y1: y(tick), y2: y(tick), 'vector-effect': 'non-scaling-stroke' }));
  (data.seconds ? line : bars)(canvas, data, slot, y);
  if (data.limit !== null) canvas.append(svg('line', { class: 'limit', x1: 0, x2: PLOT.width, y1: y(data.limit), y2: y(data.limit), 'vector-effect': 'non-scaling-stroke' }));
  const tip = walk(canvas, data, slot);
  root.replaceChildren(el('div', { class: 'chart' }, tip, canvas, labels(data, highest, y), legend(data)));
}

export default (component) => renew(component, draw);
