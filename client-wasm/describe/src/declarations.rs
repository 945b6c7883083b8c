//! `NAME.d.ts`: the types of a game for TypeScript.
//!
//! A type of the game gives up to three types there: plain values, the columns of a table of them, and the part of an
//! input that a page gives. Only those are written that the game's world, input and event lead to.

use super::docs::{comment, numbers, of_field, prose};
use super::js::{key, quoted};
use super::layout::{Integer, variant_field};
use std::collections::VecDeque;
use tickwire::state::State;
use tickwire::state::shape::{EnumShape, FieldShape, StructShape, TypeShape, VariantShape};
use tickwire::{Game, Stage};

/// Names that the generated file uses itself, or that TypeScript keeps.
const RESERVED: [&str; 16] = [
    "World",
    "Input",
    "Event",
    "Game",
    "Table",
    "Float32Array",
    "Int32Array",
    "Uint32Array",
    "Record",
    "any",
    "bigint",
    "boolean",
    "never",
    "number",
    "string",
    "unknown",
];

/// The three types that one type of the game can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// A value: numbers, strings, objects.
    Value,
    /// Typed arrays with an entry for each row.
    Columns,
    /// A value of which any field can be left out.
    Input,
}

/// The declarations of a game.
pub(super) fn of<G: Stage>() -> String {
    let world = G::shape();
    let (input, event) = (<G as Game>::Input::shape(), <G as Game>::Event::shape());
    let mut file = Declarations::default();
    file.declare("World", &world, View::Value);
    file.declare_pending();
    if input.is_empty() {
        file.text.push_str("/** The game takes no input. */\nexport type Input = Record<string, never>;\n\n");
    } else {
        file.declare("Input", &input, View::Input);
    }
    if event.is_empty() {
        file.text.push_str("/** The game has no events. */\nexport type Event = never;\n\n");
    } else {
        file.declare("Event", &event, View::Value);
    }
    file.declare_pending();
    let tables = if file.has_tables { ", Table" } else { "" };
    format!(
        "// Generated from the Rust code of the game `{}`: its world, inputs and events.\n\
         import type {{ Game{tables} }} from 'tickwire';\n\n\
         {}\
         {}declare const game: Game<World, Input, Event>;\n\
         export default game;\n",
        G::RULES.name,
        file.text,
        comment(&[format!("{}: what `connect` takes.", G::TITLE)], 0),
    )
}

/// The declarations so far, and those that others refer to.
#[derive(Default)]
struct Declarations {
    text: String,
    /// The types of the game that have a name here.
    named: Vec<(TypeShape, String)>,
    /// Types that something refers to and that are not declared yet.
    pending: VecDeque<(TypeShape, View)>,
    /// All types that something has referred to.
    referred: Vec<(TypeShape, View)>,
    has_tables: bool,
}

impl Declarations {
    /// Declares the types that are referred to and not declared yet.
    fn declare_pending(&mut self) {
        while let Some((shape, view)) = self.pending.pop_front() {
            let name = self.name(&shape, view);
            self.declare(&name, &shape, view);
        }
    }

    /// Declares a type under a name: the world, input and event have the same one in every game.
    fn declare(&mut self, name: &str, shape: &TypeShape, view: View) {
        let declaration = match shape {
            TypeShape::Struct(shape) => self.interface(name, shape, view),
            TypeShape::Enum(shape) if view == View::Columns => self.enum_columns(name, shape),
            TypeShape::Enum(shape) => self.union(name, shape, view),
            other => format!("export type {name} = {};\n", self.reference(other, view)),
        };
        self.text = format!("{}{declaration}\n", self.text);
    }

    fn interface(&mut self, name: &str, shape: &StructShape, view: View) -> String {
        let docs = comment(&type_docs(shape.name, shape.docs, view), 0);
        // The objects of the world are views: nothing that a page writes there would reach anyone.
        let prefix = if name == "World" { "readonly " } else { "" };
        let members = self.members(&shape.fields, view, 2, prefix, str::to_owned);
        format!("{docs}export interface {name} {{\n{members}}}\n")
    }

    /// An enum as its variants: names, or objects that are told apart by their `kind`.
    fn union(&mut self, name: &str, shape: &EnumShape, view: View) -> String {
        // A name cannot be left out in part.
        let docs_of = if shape.is_plain() { View::Value } else { view };
        let mut text = comment(&type_docs(shape.name, shape.docs, docs_of), 0) + &format!("export type {name} =");
        if shape.is_plain() && shape.variants.iter().all(|variant| variant.docs.is_empty()) {
            let names: Vec<String> = shape.variants.iter().map(|variant| quoted(variant.name)).collect();
            return format!("{text} {};\n", names.join(" | "));
        }
        text.push('\n');
        for variant in &shape.variants {
            let docs = comment(&[prose(variant.docs)], 2);
            let value = if shape.is_plain() { quoted(variant.name) } else { self.object(variant, view) };
            text = format!("{text}{docs}  | {value}\n");
        }
        text.pop();
        text + ";\n"
    }

    fn object(&mut self, variant: &VariantShape, view: View) -> String {
        let kind = quoted(variant.name);
        let members = self.members(&variant.fields, view, 6, "", variant_field);
        if members.is_empty() {
            return format!("{{ kind: {kind} }}");
        }
        format!("{{\n      kind: {kind};\n{members}    }}")
    }

    fn enum_columns(&mut self, name: &str, shape: &EnumShape) -> String {
        let docs = comment(&type_docs(shape.name, shape.docs, View::Columns), 0);
        let mut members = comment(&["The variant:".to_owned(), numbers(shape)], 2) + "  kind: Int32Array;\n";
        for variant in &shape.variants {
            let fields = self.members(&variant.fields, View::Columns, 4, "", variant_field);
            if !fields.is_empty() {
                let docs = comment(&[prose(variant.docs)], 2);
                members = format!("{members}{docs}  {}: {{\n{fields}  }};\n", key(variant.name));
            }
        }
        format!("{docs}export interface {name} {{\n{members}}}\n")
    }

    fn members(
        &mut self,
        fields: &[FieldShape],
        view: View,
        indent: usize,
        prefix: &str,
        name: fn(&str) -> String,
    ) -> String {
        let (mut text, space) = (String::new(), " ".repeat(indent));
        let optional = if view == View::Input { "?" } else { "" };
        for field in fields.iter().filter(|field| !field.shape.is_empty()) {
            let (docs, name) = (comment(&of_field(field, view), indent), key(&name(&field.name)));
            let reference = self.reference(&field.shape, view);
            text = format!("{text}{docs}{space}{prefix}{name}{optional}: {reference};\n");
        }
        text
    }

    /// The type of a field.
    fn reference(&mut self, shape: &TypeShape, view: View) -> String {
        match shape {
            TypeShape::Struct(_) | TypeShape::Enum(_) => self.reference_to_named(shape, view),
            TypeShape::Table(rows) => {
                self.has_tables = true;
                let columns = self.reference(rows, View::Columns);
                format!("Table<{columns}, {}>", self.reference(rows, View::Value))
            }
            TypeShape::Option(inner) if view == View::Columns => {
                format!("{{ some: Int32Array; value: {} }}", self.reference(inner, view))
            }
            TypeShape::Option(inner) => format!("{} | null", self.reference(inner, view)),
            TypeShape::List(inner, _) if view == View::Columns => {
                format!("{{ length: Int32Array; items: {} }}", self.array(inner, view))
            }
            TypeShape::Array(inner, _) | TypeShape::List(inner, _) => self.array(inner, view),
            TypeShape::Map { key, value, .. } => {
                let (key, value) = (self.reference(key, view), self.reference(value, view));
                match view {
                    View::Columns => {
                        format!("{{ length: Int32Array; items: {{ key: {key}; value: {value} }}[] }}")
                    }
                    View::Value | View::Input => format!("[{key}, {value}][]"),
                }
            }
            leaf => match view {
                View::Columns => column(leaf),
                View::Value => plain(leaf, ""),
                View::Input => plain(leaf, "?"),
            },
        }
    }

    fn array(&mut self, inner: &TypeShape, view: View) -> String {
        let reference = self.reference(inner, view);
        let may_be_null = view != View::Columns && matches!(inner, TypeShape::Option(_) | TypeShape::Owner);
        if may_be_null { format!("({reference})[]") } else { format!("{reference}[]") }
    }

    fn reference_to_named(&mut self, shape: &TypeShape, view: View) -> String {
        let view = match shape {
            TypeShape::Enum(shape) if shape.is_plain() && view == View::Columns => return "Int32Array".to_owned(),
            // A name cannot be left out in part.
            TypeShape::Enum(shape) if shape.is_plain() => View::Value,
            TypeShape::Struct(shape) if shape.name.is_empty() => return self.nameless(shape, view),
            _ => view,
        };
        if !self.referred.iter().any(|(known, of)| known == shape && *of == view) {
            self.referred.push((shape.clone(), view));
            self.pending.push_back((shape.clone(), view));
        }
        self.name(shape, view)
    }

    /// A struct without a name of its own, in place.
    fn nameless(&mut self, shape: &StructShape, view: View) -> String {
        let optional = if view == View::Input { "?" } else { "" };
        let fields = shape.fields.iter().filter(|field| !field.shape.is_empty());
        let members: Vec<String> = fields
            .map(|field| format!("{}{optional}: {}", key(&field.name), self.reference(&field.shape, view)))
            .collect();
        if members.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", members.join("; ")) }
    }

    /// The name of a type: its own, with a number behind it when another type has that name.
    fn name(&mut self, shape: &TypeShape, view: View) -> String {
        let suffix = match view {
            View::Value => "",
            View::Columns => "Columns",
            View::Input => "Input",
        };
        if let Some((_, name)) = self.named.iter().find(|(known, _)| known == shape) {
            return format!("{name}{suffix}");
        }
        let own = match shape {
            TypeShape::Struct(shape) => shape.name,
            TypeShape::Enum(shape) => shape.name,
            _ => "Value",
        };
        let numbered = (2_u32..).map(|number| format!("{own}{number}"));
        let free = [own.to_owned()].into_iter().chain(numbered).find(|name| self.is_free(name));
        let name = free.unwrap_or_default();
        self.named.push((shape.clone(), name.clone()));
        format!("{name}{suffix}")
    }

    /// Whether neither the name nor one of the names that follow from it is taken.
    fn is_free(&self, name: &str) -> bool {
        let all = |name: &str| ["", "Columns", "Input"].map(|suffix| format!("{name}{suffix}"));
        let taken = self.named.iter().flat_map(|(_, known)| all(known)).collect::<Vec<_>>();
        all(name).iter().all(|name| !taken.contains(name) && !RESERVED.contains(&name.as_str()))
    }
}

/// The comment of a type.
fn type_docs(name: &str, docs: &str, view: View) -> [String; 2] {
    let of = match view {
        View::Value => String::new(),
        View::Input => "A field that is left out is neutral.".to_owned(),
        View::Columns => format!("`{name}` in columns: each array has an entry for each row."),
    };
    [prose(docs), of]
}

fn column(leaf: &TypeShape) -> String {
    let axes = |names: &[&str], ty: &str| {
        let axes: Vec<String> = names.iter().map(|name| format!("{name}: {ty}")).collect();
        format!("{{ {} }}", axes.join("; "))
    };
    match leaf {
        TypeShape::Float(_) | TypeShape::Angle { is_radians: true, .. } => "Float32Array".to_owned(),
        TypeShape::Vector { axes: names, .. } => axes(names, "Float32Array"),
        TypeShape::Rotation { .. } => axes(&["x", "y", "z", "w"], "Float32Array"),
        TypeShape::Wide { .. } => axes(&["low", "high"], "Uint32Array"),
        TypeShape::RowId => "Uint32Array".to_owned(),
        TypeShape::Integer { min, max } if Integer::within(*min, *max) != Integer::Signed => "Uint32Array".to_owned(),
        _ => "Int32Array".to_owned(),
    }
}

fn plain(leaf: &TypeShape, optional: &str) -> String {
    match leaf {
        TypeShape::Vector { axes, .. } => {
            let axes: Vec<String> = axes.iter().map(|axis| format!("{axis}{optional}: number")).collect();
            format!("{{ {} }}", axes.join("; "))
        }
        TypeShape::Rotation { .. } => "{ x: number; y: number; z: number; w: number }".to_owned(),
        TypeShape::Wide { .. } => "bigint".to_owned(),
        TypeShape::Integer { min, max } if Integer::within(*min, *max) == Integer::Far => "bigint".to_owned(),
        TypeShape::Bool => "boolean".to_owned(),
        TypeShape::Owner => "number | null".to_owned(),
        _ => "number".to_owned(),
    }
}
