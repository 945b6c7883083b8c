//! The tools of one game, as an author writes them.

tickwire_tools::main!(tickwire_games::Paddles);
