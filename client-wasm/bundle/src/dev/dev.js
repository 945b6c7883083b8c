// The part of `cargo tickwire dev` that is on the page: it shows what the compiler says, reloads the page when a new
// build is served, and brings a player back into play. Only `dev` puts it there.

(() => {
  const SOCKET = 'ws://' + location.hostname + ':PORT/';
  const RETRY_MS = 1000;
  const LOOK_MS = 300;
  const COME_BACK_MS = 20000;
  const KEY = 'tickwire.dev.playing';
  // The build that this page is of.
  const MADE = NUMBER;

  const box = document.createElement('div');
  const head = document.createElement('b');
  const words = document.createElement('pre');
  box.append(head, words);
  box.id = 'tickwire-dev';
  Object.assign(box.style, {
    position: 'fixed', inset: 'auto 0 0 0', maxHeight: '80%', overflow: 'auto', zIndex: 2147483647, padding: '14px 18px',
    background: 'rgb(24 10 12 / 94%)', color: '#ffd9d2', font: '13px/1.5 ui-monospace, monospace',
    borderTop: '3px solid #ff5a4d', userSelect: 'text', touchAction: 'auto',
  });
  Object.assign(words.style, { margin: '8px 0 0', whiteSpace: 'pre-wrap', overflowWrap: 'anywhere', font: 'inherit' });
  const dot = document.createElement('div');
  Object.assign(dot.style, {
    position: 'fixed', right: '10px', bottom: '10px', zIndex: 2147483647, padding: '4px 10px', borderRadius: '9px',
    background: 'rgb(10 10 14 / 80%)', color: '#ffe08a', font: '12px/1.4 system-ui, sans-serif', pointerEvents: 'none',
  });
  dot.textContent = 'building…';

  function show({ state, text, id }) {
    box.remove();
    dot.remove();
    if (state === 'building') document.body.append(dot);
    if (state === 'failed') {
      head.textContent = 'cargo tickwire dev';
      words.textContent = text;
      document.body.append(box);
    }
    if (state === 'good' && id !== MADE) location.reload();
  }

  function listen() {
    const socket = new WebSocket(SOCKET);
    socket.onmessage = ({ data }) => {
      const news = JSON.parse(data);
      if (document.body) show(news);
      else addEventListener('DOMContentLoaded', () => show(news));
    };
    socket.onclose = () => setTimeout(listen, RETRY_MS);
  }
  listen();

  // A new server has none of the old rooms. A tab that was playing finds a match again, and so do all others.
  const recall = () => { try { return Number(sessionStorage.getItem(KEY)); } catch { return 0; } };
  const remember = (at) => { try { at ? sessionStorage.setItem(KEY, at) : sessionStorage.removeItem(KEY); } catch { /* forbidden */ } };
  const session = () => window.tickwire?.session;
  const loaded = Date.now();
  let comesBack = loaded - recall() < COME_BACK_MS;
  let wasFree = false;
  let played = false;
  setInterval(() => {
    const state = session()?.state;
    if (state && !['connecting', 'over'].includes(state)) {
      [played, comesBack] = [true, false];
      return remember(Date.now());
    }
    if (played && !state) {
      // The player has left the room.
      played = false;
      return remember(0);
    }
    if (!comesBack || Date.now() - loaded > COME_BACK_MS) return;
    if (state === 'over') {
      // The address names a room that went with the old server.
      comesBack = false;
      history.replaceState(null, '', location.pathname + location.search);
      return location.reload();
    }
    const quick = document.querySelector('[data-testid="quick-match"]');
    const isFree = !state && quick && !quick.disabled && quick.offsetParent !== null;
    // A page that is still on its way into its old room is left alone.
    if (isFree && wasFree) quick.click();
    wasFree = isFree && !wasFree;
  }, LOOK_MS);
})();
