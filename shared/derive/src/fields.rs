//! A run of fields, of a struct or of all variants of an enum: where each starts in the row of wire
//! integers, and the statements that describe, gather and scatter it.
//!
//! Constants of the generated block: `__CODEC_i` is the codec of field `i`, `__END_i` where its leaves end.

use crate::attributes::{Attributes, Audience};
use crate::codec::{Codec, here, innermost, is_table, may_hold_tables};
use crate::docs::first_paragraph;
use crate::kind::Kind;
use crate::motion::Motion;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Error, Member, Result, Type};

/// One field.
pub(crate) struct Field {
    pub(crate) member: Member,
    ty: Type,
    codec: Codec,
    marks: TokenStream,
    pub(crate) owner: Option<Ident>,
    pub(crate) audience: Option<Audience>,
    pub(crate) motion: Motion,
    may_hold_tables: bool,
    /// Its place in the run.
    pub(crate) index: usize,
    /// Its path in the schema.
    pub(crate) name: String,
    /// Its name in the struct or variant.
    own_name: String,
    /// The first paragraph of its comment.
    docs: String,
}

/// Fields whose leaves lie one after another.
#[derive(Default)]
pub(crate) struct Run {
    pub(crate) fields: Vec<Field>,
    errors: Option<Error>,
    /// The number of leaves before the first field.
    head: usize,
}

impl Run {
    /// An empty run; its first field starts after `head` leaves.
    pub(crate) fn after(head: usize) -> Self {
        Self { head, ..Self::default() }
    }

    /// Adds fields; `variant` is that of an enum. Errors are collected, to be shown all at once.
    pub(crate) fn add(&mut self, kind: Kind, variant: Option<&Ident>, fields: &syn::Fields) {
        for (field, member) in fields.iter().zip(fields.members()) {
            match Field::new(kind, variant, field, member, self.fields.len()) {
                Ok(field) => self.fields.push(field),
                Err(error) => self.refuse(error),
            }
        }
    }

    /// Remembers an error.
    pub(crate) fn refuse(&mut self, error: Error) {
        match &mut self.errors {
            Some(errors) => errors.combine(error),
            None => self.errors = Some(error),
        }
    }

    /// The errors so far, or nothing.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.errors.take().map_or(Ok(()), Err)
    }

    /// The constants that the other parts refer to.
    pub(crate) fn constants(&self) -> TokenStream {
        let constants = self.fields.iter().map(|field| {
            let (start, end, width) = (self.start(field), self.end(field), field.width());
            let codec = field.codec_constant();
            quote! { #codec const #end: usize = #start + #width; }
        });
        quote! { #(#constants)* }
    }

    /// The number of leaves of the run.
    pub(crate) fn width(&self) -> TokenStream {
        self.start_of(self.fields.len())
    }

    /// Where a field's leaves start.
    pub(crate) fn start(&self, field: &Field) -> TokenStream {
        self.start_of(field.index)
    }

    fn start_of(&self, index: usize) -> TokenStream {
        match index.checked_sub(1) {
            Some(before) => {
                let end = format_ident!("__END_{before}");
                quote! { #end }
            }
            None => {
                let head = self.head;
                quote! { #head }
            }
        }
    }

    fn end(&self, field: &Field) -> Ident {
        format_ident!("__END_{}", field.index)
    }

    /// `describe` of one field, with `fields` in scope.
    pub(crate) fn describe(&self, field: &Field) -> TokenStream {
        let (name, marks) = (&field.name, &field.marks);
        let call = self.describe_motion(field, field.call("describe", &quote! { fields }));
        quote! { fields.field(#name, #marks, |fields| #call); }
    }

    /// `gather` of one field, with `wire` in scope; `value` is a reference to the field.
    pub(crate) fn gather(&self, field: &Field, value: &TokenStream) -> TokenStream {
        let (start, end) = (self.start(field), self.end(field));
        let call = field.call("gather", &quote! { #value, &mut wire[#start..#end] });
        quote! { #call; }
    }

    /// `not_a_number` of one field, as a leaf of the run; `value` is a reference to the field.
    pub(crate) fn not_a_number(&self, field: &Field, value: &TokenStream) -> TokenStream {
        let start = self.start(field);
        let call = field.call("not_a_number", value);
        quote! { .or_else(|| #call.map(|leaf| #start + leaf)) }
    }

    /// `scatter` of one field, with `wire` in scope; `value` is a unique reference to the field.
    pub(crate) fn scatter(&self, field: &Field, value: &TokenStream) -> TokenStream {
        let (start, end) = (self.start(field), self.end(field));
        let call = field.call("scatter", &quote! { #value, &wire[#start..#end] });
        quote! { #call; }
    }
}

impl Field {
    fn new(kind: Kind, variant: Option<&Ident>, field: &syn::Field, member: Member, index: usize) -> Result<Self> {
        let attributes = Attributes::parse(kind, &field.attrs)?;
        if let (Some(_), Some(owner)) = (variant, &attributes.owner) {
            return Err(Error::new(owner.key.span(), "`owner` belongs on a field of a struct"));
        }
        if is_table(innermost(&field.ty)) && (kind != Kind::State || variant.is_some() || !is_table(&field.ty)) {
            return Err(Error::new_spanned(&field.ty, "a `Table` is a field of a `State` struct, and nothing else"));
        }
        let codec = Codec::choose(kind, &attributes, &field.ty)?;
        let motion = Motion::of(kind, variant, &attributes, &field.ty)?;
        let own_name = match &member {
            Member::Named(ident) => ident.unraw().to_string(),
            Member::Unnamed(place) => place.index.to_string(),
        };
        let name = variant.map_or_else(|| own_name.clone(), |variant| format!("{}.{own_name}", variant.unraw()));
        let docs = first_paragraph(&field.attrs);
        let (marks, audience) = (attributes.marks(), attributes.audience());
        let owner = attributes.owner.map(|owner| owner.key);
        let may_hold_tables = codec.unit && may_hold_tables(&field.ty);
        let ty = field.ty.clone();
        Ok(Self { member, ty, codec, marks, owner, audience, motion, may_hold_tables, index, name, own_name, docs })
    }

    pub(crate) const fn ty(&self) -> &Type {
        &self.ty
    }

    /// The number of leaves of the field.
    pub(crate) fn width(&self) -> TokenStream {
        let (codec, ty) = (&self.codec.ty, &self.ty);
        quote_spanned! { here(&self.ty)=> <#codec as ::tickwire::state::Codec<#ty>>::WIDTH }
    }

    fn codec_constant(&self) -> TokenStream {
        if self.codec.unit {
            return TokenStream::new();
        }
        let (name, ty, value) = (format_ident!("__CODEC_{}", self.index), &self.codec.ty, &self.codec.value);
        quote_spanned! { here(&self.ty)=> const #name: #ty = #value; }
    }

    /// `Codec::function(codec, arguments)`.
    pub(crate) fn call(&self, function: &str, arguments: &TokenStream) -> TokenStream {
        let (here, ty) = (here(&self.ty), &self.ty);
        let function = Ident::new(function, here);
        let codec = if self.codec.unit {
            self.codec.value.clone()
        } else {
            let name = format_ident!("__CODEC_{}", self.index);
            quote! { #name }
        };
        quote_spanned! { here=> ::tickwire::state::Codec::<#ty>::#function(&#codec, #arguments) }
    }

    /// The field's part of `shape`.
    pub(crate) fn shape(&self) -> TokenStream {
        let (name, docs, marks) = (&self.own_name, &self.docs, &self.marks);
        let shape = self.call("shape", &TokenStream::new());
        quote! { ::tickwire::state::shape::FieldShape::new(#name, #docs, #marks, #shape) }
    }

    /// Shows the tables inside, with `self` and `visitor` in scope; `None` where there can be none.
    pub(crate) fn tables(&self) -> Option<TokenStream> {
        let member = &self.member;
        let call = || self.call("tables", &quote! { &mut self.#member, visitor });
        self.may_hold_tables.then(call)
    }

    /// The number of tables inside; `None` where there can be none.
    pub(crate) fn table_count(&self) -> Option<TokenStream> {
        let (codec, ty) = (&self.codec.ty, &self.ty);
        let count = || quote_spanned! { here(ty)=> <#codec as ::tickwire::state::Codec<#ty>>::TABLES };
        self.may_hold_tables.then(count)
    }

    /// A default value of the field's type.
    pub(crate) fn default(&self) -> TokenStream {
        let ty = &self.ty;
        quote_spanned! { here(&self.ty)=> <#ty as ::core::default::Default>::default() }
    }
}
