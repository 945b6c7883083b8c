//! The three derives, and the attributes that the fields of each may have.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use std::fmt;

/// One of the three derives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    State,
    Input,
    Event,
}

impl Kind {
    /// The name of the attribute that its fields take.
    pub(crate) const fn attribute(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Input => "input",
            Self::Event => "event",
        }
    }

    /// The names that may stand in that attribute.
    pub(crate) const fn allowed(self) -> &'static [&'static str] {
        match self {
            Self::State => &[
                "range",
                "step",
                "bits",
                "angle",
                "rotation",
                "max",
                "smooth",
                "predict",
                "owner",
                "only",
                "moved_by",
                "moved_with",
            ],
            Self::Input => &["range", "step", "bits", "angle", "rotation", "once"],
            Self::Event => &["range", "step", "bits", "angle", "rotation"],
        }
    }

    /// The `impl` that comes on top of `State`. `blank` is an expression for any value of the type.
    pub(crate) fn marker(self, name: &Ident, blank: &TokenStream) -> TokenStream {
        match self {
            Self::State => TokenStream::new(),
            Self::Input => quote! {
                #[automatically_derived]
                impl ::tickwire::state::Input for #name {}
            },
            Self::Event => quote! {
                #[automatically_derived]
                impl ::tickwire::state::Event for #name {
                    fn blank() -> Self {
                        #blank
                    }
                }
            },
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::State => "State",
            Self::Input => "Input",
            Self::Event => "Event",
        })
    }
}
