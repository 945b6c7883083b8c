//! `tickwire`: the server with the demo games and their page.

tickwire_games::with_demo_games!(tickwire_server::main);
