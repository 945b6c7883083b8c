//! Structs: the leaves of their fields lie one after another.

use crate::docs::first_paragraph;
use crate::fields::{Field, Run};
use crate::kind::Kind;
use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{DeriveInput, Error, Fields, Result};

/// The impls of a struct.
pub(crate) fn expand(kind: Kind, input: &DeriveInput, fields: &Fields) -> Result<TokenStream> {
    let name = &input.ident;
    let mut run = Run::after(0);
    run.add(kind, None, fields);
    let owner = owner(&mut run);
    run.check()?;
    run.check_motions();
    run.check()?;

    let (constants, checks, width) = (run.constants(), run.motion_checks(), run.width());
    let owner = match owner {
        Some(index) => {
            let start = run.start(&run.fields[index]);
            quote! { ::core::option::Option::Some(#start) }
        }
        None => quote! { ::core::option::Option::None },
    };
    let shape = shape(input, &run);
    let describe = run.fields.iter().map(|field| run.describe(field));
    let gather = run.fields.iter().map(|field| {
        let member = &field.member;
        run.gather(field, &quote! { &self.#member })
    });
    let scatter = run.fields.iter().map(|field| {
        let member = &field.member;
        run.scatter(field, &quote! { &mut self.#member })
    });
    let numbers = run.fields.iter().map(|field| {
        let member = &field.member;
        run.not_a_number(field, &quote! { &self.#member })
    });
    let tables = tables(&run);
    let marker = kind.marker(name, &blank(&run));
    Ok(quote! {
        #constants
        #checks
        #[automatically_derived]
        impl ::tickwire::state::State for #name {
            const WIDTH: usize = #width;
            fn describe(fields: &mut ::tickwire::state::Fields<'_>) {
                fields.group(#owner, |fields| {
                    #(#describe)*
                });
            }
            #shape
            #[inline]
            fn gather(&self, wire: &mut [u32]) {
                let wire = &mut wire[..#width];
                #(#gather)*
            }
            #[inline]
            fn scatter(&mut self, wire: &[u32]) {
                let wire = &wire[..#width];
                #(#scatter)*
            }
            fn not_a_number(&self) -> ::core::option::Option<usize> {
                ::core::option::Option::None #(#numbers)*
            }
            #tables
        }
        #marker
    })
}

/// `shape` of a struct: the fields with their comments.
fn shape(input: &DeriveInput, run: &Run) -> TokenStream {
    let (name, docs) = (input.ident.unraw().to_string(), first_paragraph(&input.attrs));
    let fields = run.fields.iter().map(Field::shape);
    quote! {
        fn shape() -> ::tickwire::state::shape::TypeShape {
            ::tickwire::state::shape::TypeShape::of_struct(#name, #docs, [#(#fields),*])
        }
    }
}

/// The index of the field that holds the owner of the struct.
fn owner(run: &mut Run) -> Option<usize> {
    let mut owners = run.fields.iter().filter_map(|field| field.owner.clone().map(|key| (field.index, key)));
    let first = owners.next()?;
    let errors: Vec<Error> =
        owners.map(|(_, key)| Error::new(key.span(), "a second `owner`: a struct has one at most")).collect();
    errors.into_iter().for_each(|error| run.refuse(error));
    Some(first.0)
}

fn tables(run: &Run) -> TokenStream {
    let tables: Vec<TokenStream> = run.fields.iter().filter_map(Field::tables).collect();
    if tables.is_empty() {
        return TokenStream::new();
    }
    let count = run.fields.iter().filter_map(Field::table_count);
    quote! {
        const TABLES: usize = 0 #(+ #count)*;
        fn tables<V: ::tickwire::state::TableVisitor>(&mut self, visitor: &mut V) {
            #(#tables;)*
        }
    }
}

fn blank(run: &Run) -> TokenStream {
    let members = run.fields.iter().map(|field| &field.member);
    let defaults = run.fields.iter().map(Field::default);
    quote! { Self { #(#members: #defaults,)* } }
}
