// The layouts of a world and of an event.
export default [
  {
    level: ['i'],
    mask: ['u'],
    far: ['w', '9223372036854775806', 4294967295],
    age: ['i64'],
    lean: ['f'],
    heading: ['f'],
    dial: ['i'],
    pose: ['q'],
    is_open: ['b'],
    seat: ['s'],
    other: ['o', ['s']],
    mate: ['o', ['r']],
    type: ['v', {
      Idle: {},
      Follow: { 0: ['r'] },
      Move: { kind_: ['i'], coins: ['n', ['e', 'Copper', 'Gold'], 2] },
    }],
    orders: ['l', ['v', {
      Idle: {},
      Follow: { 0: ['r'] },
      Move: { kind_: ['i'], coins: ['n', ['e', 'Copper', 'Gold'], 2] },
    }], 2],
    scores: ['m', ['e', 'Copper', 'Gold'], ['n', ['f'], 2], 3],
    doors: ['n', ['o', { x: ['f'], y: ['f'] }], 2],
    here: {
      seat: ['os'],
      wish: ['o', { x: ['f'], y: ['f'], z: ['f'] }],
      coin: ['e', 'Copper', 'Gold'],
      marks: ['l', {
        first: ['e', 'Copper', 'Gold'],
        stick: { x: ['f'], y: ['f'] },
        then: { 0: ['i'], 1: ['q'] },
      }, 2],
      by_coin: ['m', ['e', 'Copper', 'Gold'], ['b'], 2],
      nested: ['v', {
        Idle: {},
        Follow: { 0: ['r'] },
        Move: { kind_: ['i'], coins: ['n', ['e', 'Copper', 'Gold'], 2] },
      }],
      far: ['i64'],
    },
    halls: ['n', {
      lit: ['b'],
      guests: ['t', {
        seat: ['os'],
        wish: ['o', { x: ['f'], y: ['f'], z: ['f'] }],
        coin: ['e', 'Copper', 'Gold'],
        marks: ['l', {
          first: ['e', 'Copper', 'Gold'],
          stick: { x: ['f'], y: ['f'] },
          then: { 0: ['i'], 1: ['q'] },
        }, 2],
        by_coin: ['m', ['e', 'Copper', 'Gold'], ['b'], 2],
        nested: ['v', {
          Idle: {},
          Follow: { 0: ['r'] },
          Move: { kind_: ['i'], coins: ['n', ['e', 'Copper', 'Gold'], 2] },
        }],
        far: ['i64'],
      }],
    }, 2],
    secrets: ['t', {
      seat: ['os'],
      wish: ['o', { x: ['f'], y: ['f'], z: ['f'] }],
      coin: ['e', 'Copper', 'Gold'],
      marks: ['l', {
        first: ['e', 'Copper', 'Gold'],
        stick: { x: ['f'], y: ['f'] },
        then: { 0: ['i'], 1: ['q'] },
      }, 2],
      by_coin: ['m', ['e', 'Copper', 'Gold'], ['b'], 2],
      nested: ['v', {
        Idle: {},
        Follow: { 0: ['r'] },
        Move: { kind_: ['i'], coins: ['n', ['e', 'Copper', 'Gold'], 2] },
      }],
      far: ['i64'],
    }],
    last: { first: ['e', 'Copper', 'Gold'], stick: { x: ['f'], y: ['f'] }, then: { 0: ['i'], 1: ['q'] } },
    by_hand: { 'at.x': ['i'], 'at.y': ['i'] },
  },
  ['v', {
    Said: {
      0: {
        first: ['e', 'Copper', 'Gold'],
        stick: { x: ['f'], y: ['f'] },
        then: { 0: ['i'], 1: ['q'] },
      },
    },
    Silence: {},
  }],
];
