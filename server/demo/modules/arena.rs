//! The module of arena: its game alone, for JavaScript.

tickwire_client::export!(tickwire_games::Arena);
