//! Enums: a tag, then the leaves of all variants one after another. The leaves of variants that are not there are zero,
//! so that equal values have equal wire integers.

use crate::attributes;
use crate::codec::here;
use crate::docs::first_paragraph;
use crate::fields::{Field, Run};
use crate::kind::Kind;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use std::ops::Range;
use syn::ext::IdentExt;
use syn::{DataEnum, DeriveInput, Error, Result};

/// One variant: its name, comment and tag, and which fields of the run are its own.
struct Variant<'a> {
    name: &'a Ident,
    docs: String,
    tag: u32,
    fields: Range<usize>,
}

/// The impls of an enum.
pub(crate) fn expand(kind: Kind, input: &DeriveInput, data: &DataEnum) -> Result<TokenStream> {
    let name = &input.ident;
    let mut run = Run::after(1);
    let mut variants = Vec::new();
    for (tag, variant) in (0..).zip(&data.variants) {
        if let Err(error) = attributes::refuse(kind, &variant.attrs) {
            run.refuse(error);
        }
        let start = run.fields.len();
        run.add(kind, Some(&variant.ident), &variant.fields);
        let docs = first_paragraph(&variant.attrs);
        variants.push(Variant { name: &variant.ident, docs, tag, fields: start..run.fields.len() });
    }
    run.check()?;
    let Some(first) = variants.first() else {
        let message = format!("`{kind}` cannot be derived for an enum without variants: it has no values");
        return Err(Error::new(name.span(), message));
    };

    let (constants, checks, width) = (run.constants(), table_checks(&run), run.width());
    let marker = kind.marker(name, &first.blank(&run));
    let shape = shape(input, &run, &variants);
    let (describe, gather, scatter, numbers) = if run.fields.is_empty() {
        let none = TokenStream::new();
        (describe_units(&variants), gather_units(&variants), scatter_units(&variants), none)
    } else {
        let numbers = not_a_number(&run, &variants);
        (describe(&run, &variants), gather(&run, &variants), scatter(&run, &variants), numbers)
    };
    Ok(quote! {
        #constants
        #checks
        #[automatically_derived]
        impl ::tickwire::state::State for #name {
            const WIDTH: usize = #width;
            fn describe(fields: &mut ::tickwire::state::Fields<'_>) {
                #describe
            }
            #shape
            #[inline]
            fn gather(&self, wire: &mut [u32]) {
                let wire = &mut wire[..#width];
                #gather
            }
            #[inline]
            fn scatter(&mut self, wire: &[u32]) {
                let wire = &wire[..#width];
                #scatter
            }
            #numbers
        }
        #marker
    })
}

/// An enum holds no tables: a variant may be absent, and a `Table` is a field of structs that are always there.
fn table_checks(run: &Run) -> TokenStream {
    let checks = run.fields.iter().filter_map(|field| {
        let (count, at_type) = (field.table_count()?, here(field.ty()));
        let message = format!("`{}`: an enum cannot hold a `Table`", field.name);
        Some(quote_spanned! { at_type=> const _: () = ::core::assert!(#count == 0, #message); })
    });
    quote! { #(#checks)* }
}

/// `shape` of an enum: the variants with their comments and fields.
fn shape(input: &DeriveInput, run: &Run, variants: &[Variant<'_>]) -> TokenStream {
    let (name, docs) = (input.ident.unraw().to_string(), first_paragraph(&input.attrs));
    let variants = variants.iter().map(|variant| {
        let (name, docs) = (variant.name.unraw().to_string(), &variant.docs);
        let fields = variant.of(run).map(Field::shape);
        quote! { ::tickwire::state::shape::VariantShape::new(#name, #docs, [#(#fields),*]) }
    });
    quote! {
        fn shape() -> ::tickwire::state::shape::TypeShape {
            ::tickwire::state::shape::TypeShape::of_enum(#name, #docs, [#(#variants),*])
        }
    }
}

fn describe_units(variants: &[Variant<'_>]) -> TokenStream {
    let count = variants.len();
    quote! { fields.tag(#count); }
}

fn gather_units(variants: &[Variant<'_>]) -> TokenStream {
    let (names, tags) = (variants.iter().map(|variant| variant.name), variants.iter().map(|variant| variant.tag));
    quote! { wire[0] = match self { #(Self::#names {} => #tags,)* }; }
}

fn scatter_units(variants: &[Variant<'_>]) -> TokenStream {
    let others = variants.iter().skip(1);
    let (names, tags) = (others.clone().map(|variant| variant.name), others.map(|variant| variant.tag));
    let first = variants.iter().take(1).map(|variant| variant.name);
    quote! { *self = match wire[0] { #(#tags => Self::#names {},)* _ => #(Self::#first {})* }; }
}

fn describe(run: &Run, variants: &[Variant<'_>]) -> TokenStream {
    let count = variants.len();
    let fields = run.fields.iter().map(|field| run.describe(field));
    quote! {
        fields.group(::core::option::Option::None, |fields| {
            fields.governing(|fields| fields.named("kind", |fields| fields.tag(#count)), |fields| {
                #(#fields)*
            });
        });
    }
}

fn gather(run: &Run, variants: &[Variant<'_>]) -> TokenStream {
    let arms = variants.iter().map(|variant| {
        let (pattern, tag) = (variant.pattern(run), variant.tag);
        let fields = variant.of(run).map(|field| run.gather(field, &binding(field)));
        quote! { #pattern => { wire[0] = #tag; #(#fields)* } }
    });
    quote! {
        wire.fill(0);
        match self { #(#arms)* }
    }
}

fn not_a_number(run: &Run, variants: &[Variant<'_>]) -> TokenStream {
    let arms = variants.iter().map(|variant| {
        let pattern = variant.pattern(run);
        let fields = variant.of(run).map(|field| run.not_a_number(field, &binding(field)));
        quote! { #pattern => ::core::option::Option::None #(#fields)*, }
    });
    quote! {
        fn not_a_number(&self) -> ::core::option::Option<usize> {
            match self { #(#arms)* }
        }
    }
}

/// Makes `self` the variant of the tag, unless it is that one already, and then fills its fields in place. Filling in
/// place keeps the memory of lists.
fn scatter(run: &Run, variants: &[Variant<'_>]) -> TokenStream {
    let there = variants.iter().map(|variant| {
        let (tag, name) = (variant.tag, variant.name);
        quote! { (#tag, Self::#name { .. }) }
    });
    // A decoder refuses tags beyond the last variant, so the fallback is the first variant's own arm.
    let others = variants.iter().skip(1).map(|variant| {
        let (tag, blank) = (variant.tag, variant.blank(run));
        quote! { (#tag, _) => *self = #blank, }
    });
    let first = variants.iter().take(1).map(|variant| variant.blank(run));
    let arms = variants.iter().map(|variant| {
        let pattern = variant.pattern(run);
        let fields = variant.of(run).map(|field| run.scatter(field, &binding(field)));
        quote! { #pattern => { #(#fields)* } }
    });
    quote! {
        match (wire[0], &*self) {
            #(#there)|* => {}
            #(#others)*
            _ => *self = #(#first)*,
        }
        match self { #(#arms)* }
    }
}

impl Variant<'_> {
    fn of<'a>(&self, run: &'a Run) -> impl Iterator<Item = &'a Field> {
        run.fields[self.fields.clone()].iter()
    }

    /// `Self::Name { member: field_i, .. }`, which fits tuple and unit variants as well.
    fn pattern(&self, run: &Run) -> TokenStream {
        let name = self.name;
        let members = self.of(run).map(|field| &field.member);
        let bindings = self.of(run).map(binding);
        quote! { Self::#name { #(#members: #bindings,)* } }
    }

    fn blank(&self, run: &Run) -> TokenStream {
        let name = self.name;
        let members = self.of(run).map(|field| &field.member);
        let defaults = self.of(run).map(Field::default);
        quote! { Self::#name { #(#members: #defaults,)* } }
    }
}

fn binding(field: &Field) -> TokenStream {
    let name = format_ident!("field_{}", field.index, span = Span::mixed_site());
    quote! { #name }
}
