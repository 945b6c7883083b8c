// The dialog with which the owner of a room starts a match, with the options of the game. It is loaded when it is opened.

const element = (kind, properties) => Object.assign(document.createElement(kind), properties);

/** Asks for the options, which stay as they were when the game refuses them. */
export function askForMatch(session, title) {
  const dialog = element('dialog', { id: 'match' });
  const form = element('form', { method: 'dialog' });
  const trouble = element('p', { role: 'alert', className: 'trouble' });
  // What is neither a number nor a text nor a switch keeps its value.
  const fields = Object.entries(session.game.options ?? {}).filter(([, value]) => typeof value !== 'object').map(([name, value]) => {
    const input = element('input', { name, required: true });
    input.dataset.testid = `option-${name}`;
    if (typeof value === 'boolean') Object.assign(input, { type: 'checkbox', checked: value, required: false });
    else if (typeof value === 'number') Object.assign(input, { type: 'number', step: 'any', value });
    else input.value = value;
    const line = element('label', { className: 'field' });
    line.append(element('span', { textContent: name.replaceAll('_', ' ') }), input);
    form.append(line);
    return input;
  });
  const start = element('button', { className: 'primary', textContent: 'Start' });
  start.dataset.testid = 'match-start';
  const cancel = element('button', { type: 'button', textContent: 'Cancel', onclick: () => dialog.close() });
  const row = element('p', {});
  row.append(start, cancel);
  form.append(trouble, row);
  dialog.append(element('h2', { textContent: `New match of ${title}` }), element('p', { textContent: 'Everybody here plays on, in a new world.' }), form);
  form.onsubmit = (event) => {
    event.preventDefault();
    const chosen = fields.map(({ name, type, checked, value }) => [name, type === 'checkbox' ? checked : type === 'number' ? Number(value) : value]);
    session.startMatch(session.game.options && { ...session.game.options, ...Object.fromEntries(chosen) });
  };
  const ends = [
    session.on('started', () => dialog.close()),
    session.on('not_started', ({ text }) => { trouble.textContent = text; }),
  ];
  dialog.onclose = () => {
    ends.forEach((end) => end());
    dialog.remove();
  };
  // The keys are for the fields and not for the game.
  for (const kind of ['keydown', 'keyup']) dialog.addEventListener(kind, (event) => event.stopPropagation());
  document.body.append(dialog);
  dialog.showModal();
}
