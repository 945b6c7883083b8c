//! The server: `template-game serve` plays the game, and `template-game --help` lists the other commands.

tickwire_server::main!(template_game::TemplateGame);
