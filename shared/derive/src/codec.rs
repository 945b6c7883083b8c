//! The codec of a field, chosen from its attributes and from the name of its type.
//!
//! A macro sees a type's name only, so this module judges well-known names (`f32`, `u8`, `Vec`, ..) for the sake of
//! good errors; for all others the compiler decides whether the codec fits.

use crate::attributes::{Attributes, Given, Range};
use crate::kind::Kind;
use crate::literals::{Number, as_float};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Expr, GenericArgument, PathArguments, PathSegment, Result, Type};

/// A codec: its type, and the constant expression for its value.
pub(crate) struct Codec {
    pub(crate) ty: TokenStream,
    pub(crate) value: TokenStream,
    /// The codec is its own value: no constant is needed.
    pub(crate) unit: bool,
}

/// The kind of a type, as far as its name shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looks {
    Float,
    Vector,
    Rotation,
    Integer,
    /// `bool` and `Seat`: all their values travel.
    Complete,
    Unsupported(&'static str),
    Unknown,
}

impl Codec {
    /// Chooses the codec of a field of type `ty`.
    pub(crate) fn choose(kind: Kind, attributes: &Attributes, ty: &Type) -> Result<Self> {
        if let Some(owner) = &attributes.owner {
            return Self::owner(attributes, owner, ty);
        }
        refuse_contradictions(attributes)?;
        if is_table(ty) {
            if let Some(key) = attributes.codec_key().or_else(|| attributes.motion_key()) {
                return Err(Error::new(key.span(), format!("`{key}` belongs on a field of the table's rows")));
            }
            return Ok(Self::plain(ty));
        }
        let list = collection(ty);
        if let Some(inner) = list.and_then(|list| values(list)).and_then(collection) {
            let message = format!("a `{0}` inside another cannot travel: put it into a struct", inner.ident);
            return Err(Error::new(inner.ident.span(), message));
        }
        match (&attributes.max, list) {
            (Some(max), None) => {
                Err(Error::new(max.key.span(), "`max` is the length of a `Vec` or `BTreeMap`: this field is neither"))
            }
            (None, Some(list)) if kind == Kind::State => {
                let message = format!("a `{}` needs `max = n`, the most values that it may hold", list.ident);
                Err(Error::new(list.ident.span(), message))
            }
            (None, Some(list)) => {
                let message = format!("a `{}` cannot travel here: use an array", list.ident);
                Err(Error::new(list.ident.span(), message))
            }
            (Some(max), Some(list)) => {
                let name = if list.ident == "Vec" { "List" } else { "Map" };
                Ok(Self::single(attributes, ty)?.collected(name, max, ty))
            }
            (None, None) => Self::single(attributes, ty),
        }
    }

    fn plain(ty: &Type) -> Self {
        Self::named("Plain", ty)
    }

    /// A codec that needs no arguments, and no constant.
    fn named(name: &str, ty: &Type) -> Self {
        let ty = path(name, here(ty));
        Self { value: ty.clone(), ty, unit: true }
    }

    /// A codec of fields of type `ty` that `key` asks for. A number that its constructor refuses is an error
    /// at `key`.
    fn new(name: &str, ty: &Type, key: &Ident, function: &str, arguments: &[TokenStream]) -> Self {
        let at_key = key.span().resolved_at(Span::mixed_site());
        // The constructor gets the field's type: the values that it can hold bound the attributes.
        let held = matches!(name, "Integer" | "Angle").then(|| quote! { ::<#ty> });
        let (name, value, function) = (path(name, here(ty)), path(name, at_key), Ident::new(function, at_key));
        Self { ty: name, value: quote_spanned! { at_key=> #value::#function #held(#(#arguments),*) }, unit: false }
    }

    fn owner(attributes: &Attributes, owner: &Given<()>, ty: &Type) -> Result<Self> {
        let key = attributes.codec_key().or_else(|| attributes.smooth_key()).or_else(|| attributes.motion_key());
        if let Some(key) = key {
            let message = format!("`{key}` contradicts `{}`: an owner is a seat or nobody", owner.key);
            return Err(Error::new(key.span(), message));
        }
        Ok(Self::named("Owner", ty))
    }

    /// The codec of one value, be it alone or in a list, an array or an `Option`.
    fn single(attributes: &Attributes, ty: &Type) -> Result<Self> {
        let inner = innermost(ty);
        let looks = looks(inner);
        if let Looks::Unsupported(instead) = looks {
            return Err(Error::new_spanned(inner, instead));
        }
        if let Some(angle) = &attributes.angle {
            return Self::angle(attributes, angle, inner, looks);
        }
        if let Some(rotation) = &attributes.rotation {
            if !matches!(looks, Looks::Rotation | Looks::Unknown) {
                return Err(Error::new(rotation.key.span(), "`rotation` is for a `Quat`"));
            }
            let bits = attributes.bits.as_ref().map_or_else(|| quote! { 10 }, |bits| bits.value.to_token_stream());
            return Ok(Self::new("Rotation", inner, &rotation.key, "new", &[bits]));
        }
        if let Some(bits) = &attributes.bits {
            if !matches!(looks, Looks::Integer | Looks::Unknown) {
                let message = "`bits` is for an integer, a float with `angle` or a `Quat` with `rotation`";
                return Err(Error::new(bits.key.span(), message));
            }
            return Ok(Self::new("Integer", inner, &bits.key, "bits", &[bits.value.to_token_stream()]));
        }
        match &attributes.range {
            Some(range) => Self::ranged(attributes, range, inner, looks),
            None => match looks {
                Looks::Float => {
                    Err(Error::new_spanned(inner, "an `f32` needs `range = low..=high, step = s`, or `angle`"))
                }
                Looks::Vector => {
                    Err(Error::new_spanned(inner, "a vector needs `range = low..=high, step = s`, for all its axes"))
                }
                Looks::Rotation => Err(Error::new_spanned(inner, "a `Quat` needs `rotation`")),
                _ => Ok(Self::plain(inner)),
            },
        }
    }

    fn angle(attributes: &Attributes, angle: &Given<()>, ty: &Type, looks: Looks) -> Result<Self> {
        let bits = attributes.bits.as_ref().map(|bits| bits.value.to_token_stream());
        match looks {
            Looks::Float | Looks::Unknown => {
                Ok(Self::new("Angle", ty, &angle.key, "new", &[bits.unwrap_or_else(|| quote! { 12 })]))
            }
            Looks::Integer
                if ["u8", "u16", "u32"].iter().any(|name| last_segment(ty).is_some_and(|last| last.ident == name)) =>
            {
                let Some(bits) = bits else {
                    let message = "`angle` of an integer needs `bits = n`: it counts in steps of a turn's 2^n-th part";
                    return Err(Error::new(angle.key.span(), message));
                };
                Ok(Self::new("Angle", ty, &angle.key, "new", &[bits]))
            }
            _ => {
                let message = "`angle` is for an `f32` in radians, or for a `u8`, `u16` or `u32` in steps";
                Err(Error::new(angle.key.span(), message))
            }
        }
    }

    fn ranged(attributes: &Attributes, range: &Given<Range>, ty: &Type, looks: Looks) -> Result<Self> {
        let Range { low, high } = &range.value;
        if matches!(looks, Looks::Complete | Looks::Rotation) {
            return Err(Error::new(range.key.span(), "`range` is for a number"));
        }
        if let Some(step) = &attributes.step {
            if looks == Looks::Integer {
                return Err(Error::new(step.key.span(), "`step` is for a float; an integer takes `range` alone"));
            }
            refuse_wide_step(low, high, &step.value)?;
            let numbers = [as_float(low), as_float(high), as_float(&step.value)];
            return Ok(Self::new("Fixed", ty, &range.key, "new", &numbers));
        }
        let fractional = |bound| matches!(Number::of(bound), Some(Number::Float(_)));
        if matches!(looks, Looks::Float | Looks::Vector) || looks == Looks::Unknown && fractional(low) {
            let message = "the range of a float needs `step = s`, the distance between neighbours";
            return Err(Error::new(range.key.span(), message));
        }
        // The bounds are values of the field's type: the compiler refuses a literal that the type cannot hold.
        let bound = |bound: &Expr| match looks {
            Looks::Integer => quote! { { let bound: #ty = #bound; bound as i128 } },
            _ => bound.to_token_stream(),
        };
        Ok(Self::new("Integer", ty, &range.key, "new", &[bound(low), bound(high)]))
    }

    fn collected(self, name: &str, max: &Given<Expr>, ty: &Type) -> Self {
        let at_key = max.key.span().resolved_at(Span::mixed_site());
        let max = match &max.value {
            Expr::Lit(literal) => literal.to_token_stream(),
            other => quote! { { #other } },
        };
        let (codec, constructor) = (path(name, here(ty)), path(name, at_key));
        let Self { ty, value, .. } = self;
        Self {
            ty: quote! { #codec<#max, #ty> },
            value: quote_spanned! { at_key=> #constructor::<#max, #ty>::new(#value) },
            unit: false,
        }
    }
}

/// `::tickwire::state::name`.
fn path(name: &str, span: Span) -> TokenStream {
    let name = Ident::new(name, span);
    quote_spanned! { span=> ::tickwire::state::#name }
}

/// The place of a field's type in the source, but resolved as generated code: lints stay away, and a type
/// without a fitting codec is an error at the type.
pub(crate) fn here(ty: &Type) -> Span {
    ty.span().resolved_at(Span::mixed_site())
}

fn refuse_contradictions(attributes: &Attributes) -> Result<()> {
    let Attributes { range, step, bits, angle, rotation, .. } = attributes;
    if let Some(rotation) = rotation {
        let others = [angle.as_ref().map(|given| &given.key), range.as_ref().map(|given| &given.key)];
        if let Some(other) = others.into_iter().flatten().chain(step.as_ref().map(|given| &given.key)).next() {
            let message = format!("`{other}` contradicts `{}`, which takes `bits` alone", rotation.key);
            return Err(Error::new(other.span(), message));
        }
    }
    let not_of_an_angle = |key: &Ident| {
        let message = format!("`{key}` contradicts `angle`: an angle covers the whole turn, in 2^`bits` steps");
        Err(Error::new(key.span(), message))
    };
    match (range, step, bits, angle) {
        (Some(range), _, _, Some(_)) => not_of_an_angle(&range.key),
        (None, Some(step), _, Some(_)) => not_of_an_angle(&step.key),
        (Some(_), _, Some(bits), None) => {
            Err(Error::new(bits.key.span(), "`bits` contradicts `range`: the range says how many bits it takes"))
        }
        (None, Some(step), _, None) => {
            Err(Error::new(step.key.span(), "`step` needs the range that it divides: add `range = low..=high`"))
        }
        _ => Ok(()),
    }
}

fn refuse_wide_step(low: &Expr, high: &Expr, step: &Expr) -> Result<()> {
    let (Some(from), Some(to), Some(size)) = (Number::of(low), Number::of(high), Number::of(step)) else {
        return Ok(());
    };
    if size.approximate() > to.approximate() - from.approximate() {
        return Err(Error::new_spanned(step, "`step` must be within the range"));
    }
    Ok(())
}

/// Whether a field of this type could consist of numbers alone, without a flag, a tag or a length.
pub(crate) fn may_be_numbers(ty: &Type) -> bool {
    const NEVER: [&str; 9] = ["Option", "Vec", "BTreeMap", "Quat", "RowId", "Seat", "bool", "u64", "i64"];
    match ty {
        Type::Array(array) => may_be_numbers(&array.elem),
        _ => last_segment(ty).is_none_or(|segment| NEVER.iter().all(|name| segment.ident != name)),
    }
}

/// Whether the field is a table, which only a struct of the world can have.
pub(crate) fn is_table(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|segment| segment.ident == "Table")
}

/// Whether a field that travels by its own type could have tables inside.
pub(crate) fn may_hold_tables(ty: &Type) -> bool {
    looks(innermost(ty)) == Looks::Unknown && last_segment(ty).is_none_or(|segment| segment.ident != "Option")
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

/// The first type argument, or the last one.
fn argument(segment: &PathSegment, last: bool) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    let argument = if last { arguments.args.last() } else { arguments.args.first() };
    match argument? {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    }
}

/// The type of the values in a `Vec` or a map.
fn values(collection: &PathSegment) -> Option<&Type> {
    argument(collection, collection.ident == "BTreeMap")
}

/// The `Vec` or map of a field's type, be it in an `Option` or an array.
fn collection(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Array(array) => collection(&array.elem),
        _ => match last_segment(ty)? {
            segment if segment.ident == "Vec" || segment.ident == "BTreeMap" => Some(segment),
            segment if segment.ident == "Option" => collection(argument(segment, false)?),
            _ => None,
        },
    }
}

/// The type that a codec sees in the end: without `Option`, collections and arrays around it.
pub(crate) fn innermost(ty: &Type) -> &Type {
    match ty {
        Type::Array(array) => innermost(&array.elem),
        Type::Group(group) => innermost(&group.elem),
        Type::Paren(paren) => innermost(&paren.elem),
        Type::Path(_) => last_segment(ty)
            .filter(|segment| ["Option", "Vec", "BTreeMap"].iter().any(|name| segment.ident == name))
            .and_then(values)
            .map_or(ty, innermost),
        _ => ty,
    }
}

fn looks(ty: &Type) -> Looks {
    if matches!(ty, Type::Tuple(tuple) if !tuple.elems.is_empty()) {
        return Looks::Unsupported("a tuple cannot travel: give its parts names in a struct");
    }
    let Some(segment) = last_segment(ty) else { return Looks::Unknown };
    match segment.ident.to_string().as_str() {
        "f32" => Looks::Float,
        "Vec2" | "Vec3" => Looks::Vector,
        "Quat" => Looks::Rotation,
        "u8" | "u16" | "u32" | "u64" | "i8" | "i16" | "i32" | "i64" => Looks::Integer,
        "bool" | "Seat" => Looks::Complete,
        "f64" => Looks::Unsupported("an `f64` cannot travel: use `f32`"),
        "usize" | "isize" => Looks::Unsupported("its size differs between machines: use `u32` or `i32`"),
        "String" | "str" => Looks::Unsupported("a text cannot be part of the state: send a number that stands for it"),
        "char" => Looks::Unsupported("a letter cannot be part of the state: send a number that stands for it"),
        "u128" | "i128" => Looks::Unsupported("128 bits cannot travel: use two `u64`"),
        "HashMap" => Looks::Unsupported("its order differs between machines: use a `BTreeMap` with `max = n`"),
        "HashSet" | "BTreeSet" => Looks::Unsupported("a set cannot travel: use a `BTreeMap<Key, ()>` with `max = n`"),
        "Box" | "Rc" | "Arc" => Looks::Unsupported("a pointer cannot travel: put the value itself here"),
        _ => Looks::Unknown,
    }
}
