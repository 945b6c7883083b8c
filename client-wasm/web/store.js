// The page's memory: the name and the sound across visits, seats across reloads.
// A browser that forbids storage is treated as an empty one.

const area = (name) => {
  try { return window[name]; } catch { return null; }
};

const read = (store, key) => {
  try { return store?.getItem(`tickwire.${key}`) ?? null; } catch { return null; }
};

const write = (store, key, value) => {
  try {
    if (value === null) store?.removeItem(`tickwire.${key}`);
    else store?.setItem(`tickwire.${key}`, value);
  } catch { /* storage is full or forbidden: the page works without it */ }
};

const lasting = area('localStorage');
const tab = area('sessionStorage');

export const recall = (key) => read(lasting, key);
export const remember = (key, value) => write(lasting, key, value);
export const recallInTab = (key) => read(tab, key);
export const rememberInTab = (key, value) => write(tab, key, value);
