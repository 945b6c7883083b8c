//! The author's comments on types, fields and variants, for the shape of a type.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The first paragraph of a doc comment in one line; empty without one.
pub(crate) fn first_paragraph(attributes: &[Attribute]) -> String {
    let text: Vec<String> = attributes.iter().filter_map(text).collect();
    let lines = text.iter().flat_map(|text| text.split('\n')).map(str::trim);
    let paragraph: Vec<&str> = lines.skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty()).collect();
    paragraph.join(" ")
}

/// The text of `#[doc = "..."]`, which is what the compiler makes of a comment.
fn text(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    match &pair.value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if pair.path.is_ident("doc") => Some(text.value()),
        _ => None,
    }
}
