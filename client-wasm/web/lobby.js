// The lobby: which game, under which name, and the three ways into a room.

import { Refused, createRoom, findMatch, findRoom } from './net.js';
import { recall, remember } from './store.js';
import { trouble } from './words.js';

const CODE_LEN = 6;
const MOODS = ['Quiet', 'Lucky', 'Swift', 'Amber', 'Bold', 'Mellow', 'Sunny', 'Nimble', 'Brisk', 'Gentle'];
const ANIMALS = ['Heron', 'Otter', 'Lynx', 'Finch', 'Marten', 'Puffin', 'Badger', 'Gecko', 'Ibis', 'Hare'];

const $ = (id) => document.getElementById(id);
const any = (list) => list[Math.floor(Math.random() * list.length)];

/** The code in what somebody typed or pasted: a code with spaces or dashes, or a whole link. */
export function tidyCode(text) {
  return text.slice(text.lastIndexOf('#') + 1).toUpperCase().replace(/[^A-Z0-9]/g, '').slice(0, CODE_LEN);
}

export class Lobby {
  #games = [];
  #enter;
  #onGame;

  /** `enter({game, code, via})` opens a room; `onGame(game)` hears of every choice. */
  constructor(enter, onGame) {
    this.#enter = enter;
    this.#onGame = onGame;
    $('name').value = recall('name') || `${any(MOODS)} ${any(ANIMALS)}`;
    $('name').onchange = () => remember('name', this.name);
    $('rename').onclick = () => {
      $('name').value = `${any(MOODS)} ${any(ANIMALS)}`;
      remember('name', this.name);
    };
    $('code').oninput = ({ target }) => {
      const tidy = tidyCode(target.value);
      if (tidy !== target.value) target.value = tidy;
      this.say('');
    };
    $('quick').onclick = () => this.match();
    $('create').onclick = () => this.create();
    $('join').onsubmit = (event) => {
      event.preventDefault();
      this.join(tidyCode($('code').value));
    };
  }

  get name() {
    return $('name').value.trim() || 'Player';
  }

  get game() {
    return document.querySelector('#games input:checked')?.value;
  }

  say(words) {
    $('trouble').textContent = words;
  }

  /** Shows the games; `wanted` is chosen if it is one of them. */
  list(games, wanted) {
    this.#games = games;
    $('games').append(...games.map(({ name, title, seats, tick_rate_hz }) => {
      const choice = document.createElement('label');
      choice.className = 'choice';
      choice.dataset.game = name;
      const radio = Object.assign(document.createElement('input'), { type: 'radio', name: 'game', value: name });
      radio.onchange = () => this.#chosen();
      const label = document.createElement('b');
      label.textContent = title;
      const facts = document.createElement('span');
      facts.textContent = `${seats} seats, ${tick_rate_hz} Hz`;
      choice.append(radio, label, facts);
      return choice;
    }));
    this.choose(games.some(({ name }) => name === wanted) ? wanted : games[0]?.name);
  }

  choose(game) {
    const radio = document.querySelector(`#games input[value="${CSS.escape(game ?? '')}"]`);
    if (radio) radio.checked = true;
    this.#chosen();
  }

  about(game) {
    return this.#games.find(({ name }) => name === game);
  }

  match() {
    return this.#go($('quick'), '', async () => ({ ...await findMatch(this.game), via: 'match' }));
  }

  create() {
    return this.#go($('create'), '', async () => ({ ...await createRoom(this.game), via: 'create' }));
  }

  async join(code) {
    $('code').value = code;
    if (code.length !== CODE_LEN) {
      this.say('A code has six characters, like K7M2QX.');
      $('code').focus();
      return false;
    }
    return this.#go($('join').querySelector('button'), code, async () => ({ ...await findRoom(code), code, via: 'code' }));
  }

  #chosen() {
    const game = this.about(this.game);
    if (!game) return;
    $('hint').textContent = game.hint;
    this.#onGame(game);
  }

  async #go(button, code, find) {
    if (button.disabled) return false;
    remember('name', this.name);
    this.say('');
    button.disabled = true;
    try {
      this.#enter(await find());
      $('code').value = '';
      return true;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.say(trouble(error.status, code));
      return false;
    } finally {
      button.disabled = false;
    }
  }
}
