//! How a field moves by itself from one tick to the next: `moved_by` names the field that moves it, `moved_with` a
//! function. Both ends apply the rule before a delta, so that only the difference from its result travels.

use crate::attributes::{Attributes, Given};
use crate::codec::may_be_numbers;
use crate::fields::{Field, Run};
use crate::kind::Kind;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Error, Member, Path, Result, Type};

/// The rule of one field.
pub(crate) enum Motion {
    /// The field stays as it is.
    Hold,
    /// The field changes by another field of the struct in each tick.
    By(Given<Member>),
    /// The field becomes the result of a function.
    With(Given<Path>),
}

impl Motion {
    /// The rule that the attributes of a field of type `ty` ask for.
    pub(crate) fn of(kind: Kind, variant: Option<&Ident>, attributes: &Attributes, ty: &Type) -> Result<Self> {
        let Some(key) = attributes.motion_key() else { return Ok(Self::Hold) };
        if kind != Kind::State || variant.is_some() {
            return Err(Error::new(key.span(), format!("`{key}` belongs on a field of a struct")));
        }
        match (&attributes.moved_by, &attributes.moved_with) {
            (Some(_), Some(with)) => {
                Err(Error::new(with.key.span(), "`moved_with` contradicts `moved_by`: a field moves by one rule"))
            }
            (Some(_), None) if !may_be_numbers(ty) => {
                Err(Error::new(key.span(), "`moved_by` is for numbers: a float, an integer, a vector or an angle"))
            }
            (Some(by), None) => Ok(Self::By(by.clone())),
            (None, Some(with)) => Ok(Self::With(with.clone())),
            (None, None) => Ok(Self::Hold),
        }
    }
}

impl Run {
    /// Refuses rules that name no field, or one that cannot move the other; to be called when the run has all its
    /// fields.
    pub(crate) fn check_motions(&mut self) {
        let errors: Vec<Error> = self.fields.iter().filter_map(|field| self.motion_error(field)).collect();
        errors.into_iter().for_each(|error| self.refuse(error));
    }

    fn motion_error(&self, field: &Field) -> Option<Error> {
        let Motion::By(by) = &field.motion else { return None };
        let Some(mover) = self.find(&by.value) else {
            let names: Vec<String> = self.fields.iter().map(|field| format!("`{}`", field.name)).collect();
            let message = format!("no such field here: there are {}", names.join(", "));
            return Some(Error::new_spanned(&by.value, message));
        };
        let (moved, moving) = (&field.name, &mover.name);
        let mut next = Some(mover);
        // The walk takes as many steps as there are fields: enough to come back to this field, if it ever moves itself.
        for _ in 0..self.fields.len() {
            let Some(here) = next else { break };
            if here.index == field.index {
                return Some(Error::new_spanned(&by.value, format!("`{moved}` would move itself")));
            }
            next = match &here.motion {
                Motion::By(by) => self.find(&by.value),
                _ => None,
            };
        }
        if mover.audience != field.audience {
            let message =
                format!("`{moved}` and `{moving}` need the same `only`: a client that knows one must know both");
            return Some(Error::new_spanned(&by.value, message));
        }
        if !matches!(mover.motion, Motion::Hold) && mover.index > field.index {
            let message = format!("`{moving}` moves too: declare it before `{moved}`");
            return Some(Error::new_spanned(&by.value, message));
        }
        None
    }

    fn find(&self, member: &Member) -> Option<&Field> {
        let same = |field: &&Field| match (&field.member, member) {
            (Member::Named(one), Member::Named(other)) => one.unraw() == other.unraw(),
            (one, other) => one == other,
        };
        self.fields.iter().find(same)
    }

    /// Compares the widths of the fields that move each other, when the constants of the run are evaluated.
    pub(crate) fn motion_checks(&self) -> TokenStream {
        let checks = self.fields.iter().filter_map(|field| {
            let Motion::By(by) = &field.motion else { return None };
            let mover = self.find(&by.value)?;
            let (width, other) = (field.width(), mover.width());
            let message = format!("`{}` is moved by `{}`, which is of another shape", field.name, mover.name);
            let at_value = member_span(&by.value);
            Some(quote_spanned! { at_value=> const _: () = ::core::assert!(#width == #other, #message); })
        });
        quote! { #(#checks)* }
    }

    /// `describe` as the field's codec does it, within the field's rule.
    pub(crate) fn describe_motion(&self, field: &Field, describe: TokenStream) -> TokenStream {
        match &field.motion {
            Motion::Hold => describe,
            Motion::By(by) => {
                let mover = self.find(&by.value).map(|mover| self.start(mover));
                quote! { fields.moved_by(#mover, |fields| #describe) }
            }
            Motion::With(with) => {
                let advance = self.advance(field, with);
                quote! { fields.moved_with(#advance, |fields| #describe) }
            }
        }
    }

    /// The function of a field on wire integers: it gets the field's own old ones, and those of the row as far as they
    /// are new.
    fn advance(&self, field: &Field, with: &Given<Path>) -> TokenStream {
        let (ty, path) = (field.ty(), &with.value);
        let scatter = self.scatter(field, &quote! { &mut old });
        let gather = field.call("gather", &quote! { &moved, out });
        let blank = field.default();
        let at_key = with.key.span().resolved_at(Span::mixed_site());
        let row_blank = quote_spanned! { at_key=> <Self as ::core::default::Default>::default() };
        quote! {
            |was, row, out| {
                let mut old: #ty = #blank;
                let wire = was;
                #scatter
                let mut new = #row_blank;
                ::tickwire::state::State::scatter(&mut new, row);
                let function: fn(&#ty, &Self) -> #ty = #path;
                let moved: #ty = function(&old, &new);
                #gather;
            }
        }
    }
}

fn member_span(member: &Member) -> Span {
    let span = match member {
        Member::Named(ident) => ident.span(),
        Member::Unnamed(index) => index.span,
    };
    span.resolved_at(Span::mixed_site())
}
