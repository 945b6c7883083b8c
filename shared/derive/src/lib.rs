//! The derives of Tickwire: `State`, `Input` and `Event`.
//!
//! The derives only lay fields out one after another and choose a codec for each from its attributes; how a field
//! becomes wire integers is the codec's job, in `tickwire::state`. A mistake in an attribute is an error that points at
//! it and says what is allowed. Types with generics are left out: a world has one shape.

mod attributes;
mod codec;
mod docs;
mod enums;
mod fields;
mod kind;
mod literals;
mod motion;
mod structs;

use crate::kind::Kind;
use proc_macro::TokenStream;
use proc_macro2::Span;
use quote::{quote, quote_spanned};
use syn::{Data, DeriveInput, Error, parse_macro_input};

/// Derives `State`: for the world, its rows, and the types that they are made of.
///
/// Fields take `#[state(..)]` with `range = low..=high` (floats: with `step = s`), `bits = n`, `angle`, `rotation`,
/// `max = n` (of a `Vec` or `BTreeMap`), `smooth`, `predict`, `owner`, `only = owner`, `only = server`,
/// `moved_by = field` and `moved_with = function`.
///
/// The compiler refuses violations of these rules, besides mistakes in the attributes themselves:
/// * The range of a float is a whole number of steps, up to 2,097,152; both ends are among its values. Decimal steps
///   such as 0.1 are no binary fractions: the error of rounding them to `f32` is allowed.
/// * The range of an integer, its `bits` and the directions of an `angle` fit into its type, and a range holds at most
///   2^32 numbers, anywhere within the type.
/// * A list or map has a `max` of 1 to 64.
/// * A value has at most 256 wire integers, those of the rows of its tables not counted.
/// * A `Table` is a field of a struct or of structs and arrays in it, not of an `Option`, an enum, a list, a map or of
///   another table's rows, and there are at most 31.
///
/// A field with `only = owner` must have an owner, in its struct or in one around it. This is checked when the world's
/// schema is built, before the first tick.
#[proc_macro_derive(State, attributes(state))]
pub fn derive_state(input: TokenStream) -> TokenStream {
    derive(Kind::State, &parse_macro_input!(input as DeriveInput))
}

/// Derives `Input` (and `State`): the actions of a player in one tick.
///
/// Fields take `#[input(..)]` with `range = low..=high` (floats: with `step = s`), `bits = n`, `angle`,
/// `rotation` and `once`.
#[proc_macro_derive(Input, attributes(input))]
pub fn derive_input(input: TokenStream) -> TokenStream {
    derive(Kind::Input, &parse_macro_input!(input as DeriveInput))
}

/// Derives `Event` (and `State`): an incident that happened in a tick and leaves no trace in the world.
///
/// Fields take `#[event(..)]` with `range = low..=high` (floats: with `step = s`), `bits = n`, `angle` and
/// `rotation`.
///
/// A client that predicted an event identifies it, when the server sends it a few ticks sooner or later, by its variant
/// and by every field that is neither a float nor an angle nor a rotation. The player or object that an event concerns
/// must therefore be an integer, a flag, an enum or an id. The place of an event must not be one of these: otherwise a
/// prediction that is off by a little is cancelled, and the event is reported once more.
#[proc_macro_derive(Event, attributes(event))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    derive(Kind::Event, &parse_macro_input!(input as DeriveInput))
}

fn derive(kind: Kind, input: &DeriveInput) -> TokenStream {
    expand(kind, input).unwrap_or_else(|error| error.into_compile_error()).into()
}

fn expand(kind: Kind, input: &DeriveInput) -> syn::Result<proc_macro2::TokenStream> {
    if !input.generics.params.is_empty() {
        let message = format!("`{kind}` cannot be derived for a type with generics: a world has one shape");
        return Err(Error::new_spanned(&input.generics, message));
    }
    attributes::refuse(kind, &input.attrs)?;
    let impls = match &input.data {
        Data::Struct(data) => structs::expand(kind, input, &data.fields)?,
        Data::Enum(data) => enums::expand(kind, input, data)?,
        Data::Union(data) => {
            let message = format!("`{kind}` cannot be derived for a union: its current field is unknown");
            return Err(Error::new_spanned(data.union_token, message));
        }
    };
    let name = &input.ident;
    let at_name = name.span().resolved_at(Span::mixed_site());
    let check = quote_spanned! { at_name=> const _: () = ::tickwire::state::Schema::check::<#name>(); };
    // The block keeps the constants of one derive out of the way of the next.
    Ok(quote! { const _: () = { #impls #check }; })
}

/// The page of the package in a registry: its examples compile.
#[cfg(doctest)]
#[doc = include_str!("../CRATE.md")]
struct CratePage;
