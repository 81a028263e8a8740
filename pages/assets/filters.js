// What typed text means as a filter, and what is proposed for it: the filter bar and the steps of a funnel ask alike.
// It only proposes; what a filter means, and whether it is one, the server decides.

const FREE = [['path', 'contains'], ['event', 'contains'], ['customer_id', 'is'], ['email', 'contains'], ['name', 'contains'],
  ['title', 'contains'], ['url', 'contains'], ['ip', 'is']];
const WORDS = { is: 'is', is_not: 'is not', contains: 'contains', not_contains: 'does not contain', starts_with: 'starts with', '=': '=', '!=': '≠', '<': '<', '<=': '≤', '>': '>', '>=': '≥', in_network: 'is in network' };
const SAID = [['does not contain', 'not_contains'], ['starts with', 'starts_with'], ['is in network', 'in_network'], ['is not', 'is_not'], ['contains', 'contains'],
  ['>=', '>='], ['<=', '<='], ['!=', '!='], ['=', '='], ['>', '>'], ['<', '<'], ['is', 'is']];

function knownField(data, word) {
  const wanted = word.trim().toLowerCase();
  return data.fields.find((field) => field.name === wanted || field.label.toLowerCase() === wanted);
}

// "country: France", "path contains /news", "properties.score >= 3": what the typed text says outright, if anything.
function spoken(data, text) {
  const colon = /^([^:]{2,60}):\s*(.+)$/.exec(text);
  if (colon && knownField(data, colon[1])) return { field: knownField(data, colon[1]), op: 'is', value: colon[2] };
  for (const [words, op] of SAID) {
    const at = text.toLowerCase().indexOf(` ${words} `);
    if (at < 1) continue;
    const name = text.slice(0, at).trim();
    const field = knownField(data, name) ?? (/^properties\../.test(name) ? { name, label: name, ops: null } : null);
    const value = text.slice(at + words.length + 2).trim();
    if (field && value && (!field.ops || field.ops.includes(op))) return { field, op, value };
  }
  return null;
}

function options(data, typed) {
  const text = typed.trim();
  const lower = text.toLowerCase();
  const fold = (item) => `${item.label} ${item.value}`.toLowerCase();
  // What the server found for this very text, else what was proposed before anything was typed.
  const looked = text && data.typed === text;
  const scope = looked ? 'In this view' : data.scope;
  const matching = (looked ? data.found : data.suggestions).filter((item) => !lower || fold(item).includes(lower) || String(item.value).toLowerCase().includes(lower));
  const found = matching.slice(0, lower ? 12 : 40).map((item) => ({ ...item, op: 'is' }));
  if (!text) return { found, scope, typed: [] };
  const said = spoken(data, text);
  if (said) return { found, scope, typed: [{ field: said.field.name, label: said.field.label, op: said.op, value: said.value }] };
  const free = FREE.filter(([name, op]) => data.fields.some((field) => field.name === name && field.ops.includes(op)))
    .filter(([name]) => name !== 'ip' || /^[0-9a-f:.]+$/i.test(text))
    .map(([name, op]) => ({ field: name, label: data.fields.find((field) => field.name === name).label, op, value: text }));
  return { found, scope, typed: free };
}
