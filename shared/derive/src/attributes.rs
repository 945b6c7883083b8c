//! The contents of `#[state(..)]`, `#[input(..)]` and `#[event(..)]`: parsed, not yet checked against the field's type
//! (the module `codec` does that).

use crate::kind::Kind;
use crate::literals::Number;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, Expr, ExprRange, Lit, LitStr, Member, Meta, Path, RangeLimits, Result, Token};

/// A value and the name of the attribute that it was given to, for errors that point at it.
#[derive(Clone)]
pub(crate) struct Given<T> {
    pub(crate) key: Ident,
    pub(crate) value: T,
}

/// `range = low..=high`.
#[derive(Clone)]
pub(crate) struct Range {
    pub(crate) low: Expr,
    pub(crate) high: Expr,
}

/// The attributes of one field.
#[derive(Clone, Default)]
pub(crate) struct Attributes {
    pub(crate) range: Option<Given<Range>>,
    pub(crate) step: Option<Given<Expr>>,
    pub(crate) bits: Option<Given<Expr>>,
    pub(crate) angle: Option<Given<()>>,
    pub(crate) rotation: Option<Given<()>>,
    pub(crate) max: Option<Given<Expr>>,
    pub(crate) owner: Option<Given<()>>,
    pub(crate) moved_by: Option<Given<Member>>,
    pub(crate) moved_with: Option<Given<Path>>,
    smooth: Option<Given<()>>,
    predict: Option<Given<()>>,
    once: Option<Given<()>>,
    only: Option<Given<Audience>>,
}

/// The only party that may know a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    Owner,
    Server,
}

impl Attributes {
    /// Reads the attributes of one field.
    pub(crate) fn parse(kind: Kind, attributes: &[Attribute]) -> Result<Self> {
        let mut found = Self::default();
        for attribute in of_kind(kind, attributes) {
            let Meta::List(_) = &attribute.meta else {
                let message = format!("write `#[{}(..)]` with {}", kind.attribute(), list(kind));
                return Err(Error::new_spanned(attribute, message));
            };
            attribute.parse_nested_meta(|meta| found.take(kind, &meta))?;
        }
        Ok(found)
    }

    fn take(&mut self, kind: Kind, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let Some(key) = meta.path.get_ident().filter(|key| kind.allowed().iter().any(|name| key == name)) else {
            let path = meta.path.segments.iter().map(|part| part.ident.to_string()).collect::<Vec<_>>().join("::");
            return Err(meta.error(format!("unknown attribute `{path}`: a field takes {}", list(kind))));
        };
        let key = key.clone();
        match key.to_string().as_str() {
            "range" => put(&mut self.range, key, range(meta)?),
            "step" => put(&mut self.step, key, number(meta)?),
            "bits" => put(&mut self.bits, key, number(meta)?),
            "max" => put(&mut self.max, key, number(meta)?),
            "only" => put(&mut self.only, key, only(meta)?),
            "moved_by" => put(&mut self.moved_by, key, name(meta, "moved_by = velocity")?),
            "moved_with" => put(&mut self.moved_with, key, name(meta, "moved_with = a_tick_later")?),
            "angle" => put(&mut self.angle, key, flag(meta)?),
            "rotation" => put(&mut self.rotation, key, flag(meta)?),
            "owner" => put(&mut self.owner, key, flag(meta)?),
            "smooth" => put(&mut self.smooth, key, flag(meta)?),
            "predict" => put(&mut self.predict, key, flag(meta)?),
            "once" => put(&mut self.once, key, flag(meta)?),
            // A key that is allowed and has no arm would otherwise pass for another one.
            other => Err(meta.error(format!("`{other}` is allowed here, and nothing reads it: a fault of the derive"))),
        }
    }

    /// The field's `Marks`, as an expression.
    pub(crate) fn marks(&self) -> TokenStream {
        let mut set = Vec::new();
        if let Some(only) = &self.only {
            let visibility = Ident::new(&format!("{:?}", only.value), Span::mixed_site());
            set.push(quote! { visibility: ::tickwire::state::Visibility::#visibility });
        }
        for (mark, name) in [(&self.smooth, "smooth"), (&self.predict, "predict"), (&self.once, "once")] {
            if mark.is_some() {
                let name = Ident::new(name, Span::mixed_site());
                set.push(quote! { #name: true });
            }
        }
        if set.is_empty() {
            return quote! { ::tickwire::state::Marks::NONE };
        }
        quote! { ::tickwire::state::Marks { #(#set,)* ..::tickwire::state::Marks::NONE } }
    }

    /// The first attribute, if any, that says how the field's own value travels.
    pub(crate) fn codec_key(&self) -> Option<&Ident> {
        let range = self.range.as_ref().map(|given| &given.key);
        let flags = [&self.angle, &self.rotation].into_iter().flatten().map(|given| &given.key);
        let numbers = [&self.step, &self.bits, &self.max].into_iter().flatten().map(|given| &given.key);
        range.into_iter().chain(flags).chain(numbers).next()
    }

    /// The first attribute, if any, that says how the field moves.
    pub(crate) fn motion_key(&self) -> Option<&Ident> {
        let by = self.moved_by.as_ref().map(|given| &given.key);
        by.or_else(|| self.moved_with.as_ref().map(|given| &given.key))
    }

    /// The only party that may know the field, if there is one.
    pub(crate) fn audience(&self) -> Option<Audience> {
        self.only.as_ref().map(|given| given.value)
    }

    /// The key `smooth`, for an error where it makes no sense.
    pub(crate) fn smooth_key(&self) -> Option<&Ident> {
        self.smooth.as_ref().map(|given| &given.key)
    }
}

/// Refuses attributes of this derive where they mean nothing: on a type or on a variant.
pub(crate) fn refuse(kind: Kind, attributes: &[Attribute]) -> Result<()> {
    of_kind(kind, attributes).next().map_or(Ok(()), |attribute| {
        Err(Error::new_spanned(attribute, format!("`#[{}(..)]` belongs on a field", kind.attribute())))
    })
}

fn of_kind(kind: Kind, attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(move |attribute| attribute.path().is_ident(kind.attribute()))
}

/// The allowed names in the form "`a`, `b` and `c`".
fn list(kind: Kind) -> String {
    let names: Vec<String> = kind.allowed().iter().map(|name| format!("`{name}`")).collect();
    let (last, rest) = names.split_last().map_or((String::new(), Vec::new()), |(l, r)| (l.clone(), r.to_vec()));
    format!("{} and {last}", rest.join(", "))
}

fn put<T>(place: &mut Option<Given<T>>, key: Ident, value: T) -> Result<()> {
    if place.is_some() {
        return Err(Error::new(key.span(), format!("`{key}` is given twice")));
    }
    *place = Some(Given { key, value });
    Ok(())
}

fn flag(meta: &ParseNestedMeta<'_>) -> Result<()> {
    if meta.input.peek(Token![=]) || meta.input.peek(syn::token::Paren) {
        return Err(meta.error("this attribute stands alone, without a value"));
    }
    Ok(())
}

fn expression(meta: &ParseNestedMeta<'_>, example: &str) -> Result<Expr> {
    if !meta.input.peek(Token![=]) {
        return Err(meta.error(format!("a value is missing: write `{example}`")));
    }
    let expr: Expr = meta.value()?.parse()?;
    match &expr {
        Expr::Lit(literal) if !matches!(literal.lit, Lit::Int(_) | Lit::Float(_)) => {
            Err(Error::new_spanned(literal, format!("write it as a number, not as a text: `{example}`")))
        }
        _ => Ok(expr),
    }
}

fn number(meta: &ParseNestedMeta<'_>) -> Result<Expr> {
    let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
    let example = if key == "step" { "step = 0.25".to_owned() } else { format!("{key} = 8") };
    let expr = expression(meta, &example)?;
    if Number::of(&expr).is_some_and(|number| number.approximate() <= 0.0) {
        return Err(Error::new_spanned(&expr, format!("`{key}` must be above zero")));
    }
    Ok(expr)
}

fn range(meta: &ParseNestedMeta<'_>) -> Result<Range> {
    const EXAMPLE: &str = "range = 0..=100";
    let expr = expression(meta, EXAMPLE)?;
    let Expr::Range(ExprRange { start: Some(low), limits: RangeLimits::Closed(_), end: Some(high), .. }) = &expr else {
        let message = format!("a range has two ends and includes both: write `{EXAMPLE}`");
        return Err(Error::new_spanned(&expr, message));
    };
    if let (Some(from), Some(to)) = (Number::of(low), Number::of(high))
        && !from.is_below(&to)
    {
        return Err(Error::new_spanned(&expr, "`range` must go from a smaller to a larger number"));
    }
    Ok(Range { low: (**low).clone(), high: (**high).clone() })
}

/// The name of a field or of a function.
fn name<T: syn::parse::Parse>(meta: &ParseNestedMeta<'_>, example: &str) -> Result<T> {
    if !meta.input.peek(Token![=]) {
        return Err(meta.error(format!("a name is missing: write `{example}`")));
    }
    let value = meta.value()?;
    if value.peek(LitStr) {
        return Err(value.error(format!("write it as a name, not as a text: `{example}`")));
    }
    value.parse().map_err(|error| Error::new(error.span(), format!("a name is missing: write `{example}`")))
}

fn only(meta: &ParseNestedMeta<'_>) -> Result<Audience> {
    const ALLOWED: &str = "write `only = owner` or `only = server`; without `only`, everyone may know the field";
    if !meta.input.peek(Token![=]) {
        return Err(meta.error(ALLOWED));
    }
    let expr: Expr = meta.value()?.parse()?;
    match &expr {
        Expr::Path(path) if path.path.is_ident("owner") => Ok(Audience::Owner),
        Expr::Path(path) if path.path.is_ident("server") => Ok(Audience::Server),
        _ => Err(Error::new_spanned(&expr, ALLOWED)),
    }
}
