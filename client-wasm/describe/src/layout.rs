//! The layout of a type: the tree of nodes that [`describe`](super) lists.

use super::js::Js;
use tickwire::state::shape::{EnumShape, FieldShape, TypeShape};

/// How an integer of up to 32 bits is held in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Integer {
    Signed,
    Unsigned,
    /// Beyond both: the column has the lowest 32 bits.
    Far,
}

impl Integer {
    pub(super) fn within(min: i128, max: i128) -> Self {
        if i32::try_from(min).is_ok() && i32::try_from(max).is_ok() {
            Self::Signed
        } else if u32::try_from(min).is_ok() && u32::try_from(max).is_ok() {
            Self::Unsigned
        } else {
            Self::Far
        }
    }
}

/// The layout of a type.
pub(super) fn of(shape: &TypeShape) -> Js {
    match shape {
        TypeShape::Float(_) | TypeShape::Angle { is_radians: true, .. } => leaf("f"),
        TypeShape::Vector { axes, .. } => Js::Object(axes.iter().map(|axis| ((*axis).to_owned(), leaf("f"))).collect()),
        TypeShape::Angle { is_radians: false, .. } => leaf("i"),
        TypeShape::Rotation { .. } => leaf("q"),
        TypeShape::Integer { min, max } => match Integer::within(*min, *max) {
            Integer::Signed => leaf("i"),
            Integer::Unsigned => leaf("u"),
            Integer::Far => Js::List(vec![Js::text("w"), Js::Text(min.to_string()), Js::number(base(*min))]),
        },
        TypeShape::Wide { is_signed } => leaf(if *is_signed { "i64" } else { "u64" }),
        TypeShape::Bool => leaf("b"),
        TypeShape::Seat => leaf("s"),
        TypeShape::Owner => leaf("os"),
        TypeShape::RowId => leaf("r"),
        TypeShape::Struct(shape) => object(&shape.fields, |name| name.to_owned()),
        TypeShape::Enum(shape) => variants(shape),
        TypeShape::Option(inner) => Js::List(vec![Js::text("o"), of(inner)]),
        TypeShape::Array(inner, count) => Js::List(vec![Js::text("n"), of(inner), Js::number(count)]),
        TypeShape::List(inner, max) => Js::List(vec![Js::text("l"), of(inner), Js::number(max)]),
        TypeShape::Map { key, value, max } => Js::List(vec![Js::text("m"), of(key), of(value), Js::number(max)]),
        TypeShape::Table(rows) => Js::List(vec![Js::text("t"), of(rows)]),
    }
}

/// The entry of a column for the smallest value of a far integer: 32 bits of a float that may have been rounded.
const fn base(min: i128) -> u32 {
    min as f64 as i64 as u32
}

fn leaf(kind: &str) -> Js {
    Js::List(vec![Js::text(kind)])
}

fn object(fields: &[FieldShape], name: fn(&str) -> String) -> Js {
    let fields = fields.iter().filter(|field| !field.shape.is_empty());
    Js::Object(fields.map(|field| (name(&field.name), of(&field.shape))).collect())
}

fn variants(shape: &EnumShape) -> Js {
    if shape.is_plain() {
        let names = shape.variants.iter().map(|variant| Js::text(variant.name));
        return Js::List([Js::text("e")].into_iter().chain(names).collect());
    }
    let variants = shape.variants.iter();
    let variants = variants.map(|variant| (variant.name.to_owned(), object(&variant.fields, variant_field)));
    Js::List(vec![Js::text("v"), Js::Object(variants.collect())])
}

/// The name of a variant's field: `kind` is that of the variant itself.
pub(super) fn variant_field(name: &str) -> String {
    if name == "kind" { "kind_".to_owned() } else { name.to_owned() }
}
