//! The module of paddles: its game alone, for JavaScript.

tickwire_client::export!(tickwire_games::Paddles);
