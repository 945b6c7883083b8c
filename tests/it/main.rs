//! Integration tests: every part against the others, in one binary.
//!
//! The core is driven in simulated ticks from seeds (`sessions`, `prediction`, `feel`, `codec`, `wire`); only `server`,
//! `addresses`, `builds`, `connections`, `container`, `elsewhere`, `exposition`, `service`, `http_headers`, `openapi`, `operators`, `nats`, `nodes`, `private_rooms`, `proxies`, `requests`, `rhythm`, `readers`, `memory` and `process`
//! open sockets, on the loopback interface.

#[cfg(test)]
mod addresses;
#[cfg(test)]
mod architecture;
mod bounds;
#[cfg(test)]
mod builds;
mod codec;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod container;
#[cfg(test)]
mod corrected_fields;
#[cfg(test)]
mod desync;
#[cfg(test)]
mod duel;
#[cfg(test)]
mod elsewhere;
#[cfg(test)]
mod events;
#[cfg(test)]
mod every_field;
#[cfg(test)]
mod exposition;
#[cfg(test)]
mod feel;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod gallery;
#[cfg(test)]
mod guess;
#[cfg(test)]
mod http_headers;
#[cfg(test)]
mod identities;
#[cfg(test)]
mod journal_commands;
#[cfg(test)]
mod keyframes;
#[cfg(test)]
mod lockstep;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod match_start;
#[cfg(test)]
mod matches;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod moves;
#[cfg(test)]
mod names;
#[cfg(test)]
mod nats;
#[cfg(test)]
mod newcomers;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod operators;
#[cfg(test)]
mod options;
#[cfg(test)]
mod owners;
#[cfg(test)]
mod pauses;
#[cfg(test)]
mod planted_bugs;
mod player;
#[cfg(test)]
mod poison;
#[cfg(test)]
mod prediction;
#[cfg(test)]
mod private_rooms;
#[cfg(test)]
mod process;
#[cfg(test)]
mod proxies;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod quarantine;
#[cfg(test)]
mod queues;
mod readers;
#[cfg(test)]
mod recording;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod reloading;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod rewind;
#[cfg(test)]
mod rhythm;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod sections;
#[cfg(test)]
mod server;
#[cfg(test)]
mod service;
#[cfg(test)]
mod services;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod shapes;
#[cfg(test)]
mod socket;
#[cfg(test)]
mod stopping;
#[cfg(test)]
mod survival;
#[cfg(test)]
mod survival_kept;
#[cfg(test)]
mod tickets;
#[cfg(test)]
mod tidy;
mod tls;
#[cfg(test)]
mod token_file;
#[cfg(test)]
mod topics;
#[cfg(test)]
mod twins;
#[cfg(test)]
mod versions;
#[cfg(test)]
mod views;
#[cfg(test)]
mod webhooks;
#[cfg(test)]
mod wire;
#[cfg(test)]
mod words;
#[cfg(test)]
mod zoo;

#[cfg(test)]
use tickwire_tools::harness;
