//! Numbers in attributes: the value of a literal, known before the compiler evaluates anything.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Expr, ExprUnary, Lit, LitFloat, UnOp};

/// A number as it is written; [`Number::of`] gives `None` for anything but a literal.
pub(crate) enum Number {
    Integer(i128),
    Float(f64),
}

impl Number {
    pub(crate) fn of(expr: &Expr) -> Option<Self> {
        match expr {
            Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => match Self::of(expr)? {
                Self::Integer(value) => value.checked_neg().map(Self::Integer),
                Self::Float(value) => Some(Self::Float(-value)),
            },
            Expr::Group(group) => Self::of(&group.expr),
            Expr::Paren(paren) => Self::of(&paren.expr),
            Expr::Lit(literal) => match &literal.lit {
                Lit::Int(int) => int.base10_parse().ok().map(Self::Integer),
                Lit::Float(float) => float.base10_parse().ok().map(Self::Float),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether this number is smaller than the other.
    pub(crate) const fn is_below(&self, other: &Self) -> bool {
        match (self, other) {
            // The comparison is exact: floats would take two large neighbours for one number.
            (Self::Integer(one), Self::Integer(other)) => *one < *other,
            _ => self.approximate() < other.approximate(),
        }
    }

    /// The number as a float, near enough to compare it with one.
    pub(crate) const fn approximate(&self) -> f64 {
        match self {
            Self::Integer(value) => *value as f64,
            Self::Float(value) => *value,
        }
    }
}

/// The expression where an `f32` is expected: `0..=180` is as good as `0.0..=180.0`.
pub(crate) fn as_float(expr: &Expr) -> TokenStream {
    match expr {
        Expr::Unary(ExprUnary { op: UnOp::Neg(minus), expr, .. }) => {
            let positive = as_float(expr);
            quote! { #minus #positive }
        }
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(int) if int.suffix().is_empty() => {
                LitFloat::new(&format!("{}.0", int.base10_digits()), int.span()).into_token_stream()
            }
            _ => literal.into_token_stream(),
        },
        _ => expr.into_token_stream(),
    }
}
